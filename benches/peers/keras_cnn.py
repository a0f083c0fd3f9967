"""Trains the CNN of TensorFlow's tutorial with Keras on CIFAR-10, for comparison with wgrad.

    pip install tensorflow-cpu==2.21.0 keras==3.15.1 numpy
    python benches/peers/keras_cnn.py --data-dir cifar-10-batches-bin --epochs 10

It sets no seed on purpose: after keras.utils.set_random_seed, Keras 3 shuffles every epoch
into the same order, which costs test accuracy.
"""

import argparse
import json
import os
import pathlib
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def read(files, limit):
    """Images [n, 32, 32, 3] in 0..1 and labels, from records of label + 3 planes."""
    data = np.concatenate([np.fromfile(f, np.uint8).reshape(-1, 3073) for f in files])
    data = data[:limit]
    images = data[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return images.astype(np.float32) / np.float32(255), data[:, 0].astype(np.int64)


def build(hidden=64):
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(hidden, activation="relu"),
            layers.Dense(10),
        ]
    )


def compiled(model):
    """The model with a fresh optimizer."""
    model.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


class Report(keras.callbacks.Callback):
    def __init__(self, images):
        super().__init__()
        self.images = images
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.start
        row = {
            "seconds": seconds,
            "images_per_s": self.images / seconds,
            "loss": float(logs["loss"]),
            "accuracy": float(logs["accuracy"]),
        }
        self.epochs.append(row)
        print(
            f"epoch {epoch + 1:3}  {seconds:7.2f} s  {row['images_per_s']:8.0f} images/s"
            f"  loss {row['loss']:.4f}  accuracy {row['accuracy']:.4f}"
            + ("  (traces the graph too)" if epoch == 0 else ""),
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", default=os.environ.get("CIFAR10_DIR"))
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--limit", type=int, help="train on the first N images only")
    args = parser.parse_args()
    if not args.data_dir:
        parser.error("give --data-dir or CIFAR10_DIR, a folder of data_batch_*.bin")
    folder = pathlib.Path(args.data_dir)

    train_x, train_y = read([folder / f"data_batch_{k}.bin" for k in range(1, 6)], args.limit)
    test_x, test_y = read([folder / "test_batch.bin"], None)
    model = compiled(build())
    report = Report(len(train_x))
    model.fit(
        train_x,
        train_y,
        batch_size=args.batch_size,
        epochs=args.epochs,
        verbose=0,
        callbacks=[report],
    )

    # One batch runs first, so that tracing is not timed.
    model.evaluate(test_x[: args.batch_size], test_y[: args.batch_size], args.batch_size, verbose=0)
    start = time.perf_counter()
    loss, accuracy = model.evaluate(test_x, test_y, args.batch_size, verbose=0)
    seconds = time.perf_counter() - start
    rate = len(test_x) / seconds
    print(
        f"test       {seconds:7.2f} s  {rate:8.0f} images/s"
        f"  loss {loss:.4f}  accuracy {accuracy:.4f}"
    )

    later = [row["images_per_s"] for row in report.epochs[1:]]
    median = statistics.median(later) if later else None
    if later:
        print(f"median of epochs 2 to {args.epochs}: {median:.0f} images/s")
    print(
        json.dumps(
            {
                "peer": "keras",
                "keras": keras.__version__,
                "tensorflow": tf.__version__,
                "devices": [d.name for d in tf.config.list_physical_devices()],
                "cpus": len(os.sched_getaffinity(0))
                if hasattr(os, "sched_getaffinity")
                else os.cpu_count(),
                "batch_size": args.batch_size,
                "train_images": len(train_x),
                "epochs": report.epochs,
                "median_images_per_s": median,
                "test": {
                    "images": len(test_x),
                    "seconds": seconds,
                    "images_per_s": rate,
                    "loss": float(loss),
                    "accuracy": float(accuracy),
                },
            }
        )
    )


if __name__ == "__main__":
    main()
