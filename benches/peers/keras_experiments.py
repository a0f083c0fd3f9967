"""Runs the report's three experiments with Keras on CIFAR-10, for `wgrad reproduce` to be compared with.

    pip install tensorflow-cpu==2.21.0 keras==3.15.1 numpy
    python benches/peers/keras_experiments.py --data-dir cifar-10-batches-bin --runs 3 --json keras_experiments.json

It runs them as the notebook did: the model object is never rebuilt, and each `compile` makes a fresh optimizer.

baseline   the tutorial's network, 10 epochs
attempt 1  the same weights, 15 epochs more
attempt 2  Flatten, Dense(128), Dense(10) appended to its 10 logits, 7 epochs

With --as-written it also runs the attempts as the report's text describes them, from initial weights: 15 epochs, and
7 epochs with a hidden layer of 128. It sets no seed, for the reason given in keras_cnn.py.
"""

import argparse
import json
import os
import pathlib
import statistics

from keras_cnn import build, compiled, keras, layers, read, tf


def fit(model, data, epochs, batch_size, verbose):
    """Accuracy and loss after `epochs` with a fresh optimizer."""
    (train_x, train_y), (test_x, test_y) = data
    compiled(model)
    history = model.fit(train_x, train_y, batch_size=batch_size, epochs=epochs, verbose=verbose)
    loss, accuracy = model.evaluate(test_x, test_y, batch_size, verbose=0)
    return {
        "epochs": epochs,
        "parameters": model.count_params(),
        "train_loss": history.history["loss"],
        "train_accuracy": history.history["accuracy"],
        "test_loss": float(loss),
        "test_accuracy": float(accuracy),
    }


def experiments(fit, as_written):
    """Each experiment's name and figures, in turn."""
    model = build()
    yield "baseline", fit(model, epochs=10)
    yield "attempt 1", fit(model, epochs=15)
    for layer in layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(10):
        model.add(layer)
    yield "attempt 2", fit(model, epochs=7)
    if as_written:
        yield "attempt 1 as written", fit(build(), epochs=15)
        yield "attempt 2 as written", fit(build(hidden=128), epochs=7)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", default=os.environ.get("CIFAR10_DIR"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--as-written", action="store_true")
    parser.add_argument("--json", type=pathlib.Path, help="write every run's figures")
    args = parser.parse_args()
    if not args.data_dir:
        parser.error("give --data-dir or CIFAR10_DIR, a folder of data_batch_*.bin")
    folder = pathlib.Path(args.data_dir)
    data = (
        read([folder / f"data_batch_{k}.bin" for k in range(1, 6)], None),
        read([folder / "test_batch.bin"], None),
    )

    runs = []
    for run in range(1, args.runs + 1):
        runs.append({})
        train = lambda model, epochs: fit(model, data, epochs, args.batch_size, verbose=0)
        for name, figures in experiments(train, args.as_written):
            runs[-1][name] = figures
            print(
                f"run {run}  {name:20}  {figures['parameters']:7} parameters"
                f"  training {figures['train_accuracy'][-1]:.4f}"
                f"  test {figures['test_accuracy']:.4f}  loss {figures['test_loss']:.4f}",
                flush=True,
            )
            if args.json:
                versions = {"keras": keras.__version__, "tensorflow": tf.__version__}
                args.json.write_text(json.dumps({**versions, "runs": runs}, indent=1))
    for name in runs[0]:
        mean = lambda of: statistics.mean(of(run[name]) for run in runs)
        print(
            f"mean   {name:20}  training {mean(lambda r: r['train_accuracy'][-1]):.4f}"
            f"  test {mean(lambda r: r['test_accuracy']):.4f}"
            f"  loss {mean(lambda r: r['test_loss']):.4f}"
        )


if __name__ == "__main__":
    main()
