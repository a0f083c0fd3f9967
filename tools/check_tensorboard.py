"""Reads the event files of a run with TensorBoard's own reader, and compares them with its history.

    wgrad train --out RUN --tensorboard RUN/tensorboard
    pip install tensorboard pillow
    python tools/check_tensorboard.py RUN

Exits with 1 if they differ.
"""

import argparse
import io
import json
import pathlib
import sys

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

SCALARS = {
    "train": {
        "epoch_loss": "loss",
        "epoch_accuracy": "accuracy",
        "epoch_top5_accuracy": "top5_accuracy",
        "epoch_learning_rate": "learning_rate",
        "epoch_gradient_norm": "gradient_norm",
        "epoch_images_per_second": "images_per_second",
    },
    "validation": {
        "epoch_loss": "val_loss",
        "epoch_accuracy": "val_accuracy",
        "epoch_top5_accuracy": "val_top5_accuracy",
    },
}


def check(run, events):
    """Yields a line for each difference."""
    history = json.loads((run / "history.json").read_text())
    epochs = history["epochs"]
    for name, tags in SCALARS.items():
        reader = EventAccumulator(str(events / name)).Reload()
        for tag, column in tags.items():
            found = [(event.step, event.value) for event in reader.Scalars(tag)]
            expected = [(row["epoch"], float(np.float32(row[column]))) for row in epochs]
            if found != expected:
                yield f"{name}/{tag}: {found}, but history.json has {expected}"
        if name == "validation" and history["evaluation"]:
            (event,) = reader.Images("confusion_matrix")
            image = Image.open(io.BytesIO(event.encoded_image_string))
            image.load()
            if image.size != (event.width, event.height) or event.step != len(epochs):
                yield f"confusion_matrix: {image.size} at step {event.step}, said to be {event.width} x {event.height}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path, help="directory of the run's results")
    parser.add_argument("--events", type=pathlib.Path, help="directory of the event files (RUN/tensorboard)")
    arguments = parser.parse_args()
    differences = list(check(arguments.run, arguments.events or arguments.run / "tensorboard"))
    for line in differences:
        print(line, file=sys.stderr)
    if differences:
        sys.exit(1)
    print("TensorBoard reads what history.json holds")


if __name__ == "__main__":
    main()
