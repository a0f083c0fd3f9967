"""A folder of generated pictures, one directory for each class."""

import os
import pathlib
import struct
import zlib

CLASSES = 10


def write_folder(folder: pathlib.Path, size: int, train: int, test: int) -> None:
    """Writes PNG files of noise below `folder`/train and `folder`/test, as `wgrad train --dataset folder:DIR` reads them."""
    for split, count in (("train", train), ("test", test)):
        for index in range(count):
            directory = folder / split / f"class_{index % CLASSES}"
            directory.mkdir(parents=True, exist_ok=True)
            (directory / f"{index}.png").write_bytes(png(size))


def png(size: int) -> bytes:
    row = 1 + 3 * size
    noise = bytearray(os.urandom(row * size))
    # Each row begins with the number of its filter; 0 is none.
    noise[::row] = bytes(size)
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(noise), 1)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
