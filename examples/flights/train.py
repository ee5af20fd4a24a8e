"""Will a flight land more than 15 minutes late? Asked one hour before its scheduled departure.

The training set is the questions (one row a flight) with the service's features as they stood at that instant, made by a replay of
the log. Two models see it: the baseline knows the schedule and the weather, the other also what headrace computed from the history.
Both learn from January to September and are judged on October to December. Flights that were cancelled or diverted have no
answer: they stand in the history, and in neither set.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import headrace as hr

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

HERE = Path(__file__).parent
SERVICE = "arrival_late_v1"
SCHEDULE = ["minute_of_day", "weekday", "distance", "carrier", "origin", "dest"]
TEST_FROM = datetime(2013, 10, 1, tzinfo=UTC)
SHOWN = 12


def is_plain(column: str) -> bool:
    """Whether the baseline has it."""
    return column in SCHEDULE or column.startswith("weather_")


def training_set() -> pa.Table:
    """One row a flight: the question, then the features at that instant.

    The data tell times by the minute, so an event at 10:05 happened between 10:05 and 10:06. `before` asks what was known when
    the clock turned 10:05: events that carry the asker's own minute do not count.
    """
    rows: pa.Table = hr.Repository(HERE).replay(SERVICE, spine=HERE / "data" / "questions.parquet", time="asked", before=True)
    return rows


def frame(rows: pa.Table) -> pd.DataFrame:
    """As scikit-learn takes it: texts as categories, truths as numbers, null as NaN."""
    import pyarrow as pa

    def plain(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            return column.dictionary_encode()
        return column.cast(pa.float64()) if pa.types.is_boolean(column.type) else column

    return pa.table({name: plain(rows[name]) for name in rows.column_names}).to_pandas()


def fit(data: pd.DataFrame, late: np.ndarray) -> Any:
    """The same learner and settings for both models; nothing of the test months was used to choose them."""
    # threads that wait by spinning starve each other where the machine has other work
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=80, learning_rate=0.15, min_samples_leaf=200, categorical_features="from_dtype", early_stopping=False, random_state=0
    )
    return model.fit(data, late)


def scores(late: np.ndarray, said: np.ndarray) -> dict[str, float]:
    """Ranking, calibration, and the finding of the rare ones."""
    from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

    return {
        "ROC AUC": roc_auc_score(late, said),
        "log loss": log_loss(late, said),
        "average precision": average_precision_score(late, said),
    }


def importance(model: Any, data: pd.DataFrame, late: np.ndarray) -> list[tuple[str, float]]:
    """What the ROC AUC loses when a column is shuffled, the largest first; on a sample of the test rows."""
    from sklearn.inspection import permutation_importance
    from sklearn.utils import resample

    sample, answers = resample(data, late, n_samples=min(len(data), 5_000), replace=False, random_state=0)
    lost = permutation_importance(model, sample, answers, scoring="roc_auc", n_repeats=1, random_state=0)
    return sorted(zip(data.columns, lost.importances_mean, strict=True), key=lambda pair: -pair[1])


def draw(path: Path, late: np.ndarray, said: dict[str, np.ndarray], lost: list[tuple[str, float]]) -> None:
    """Left the ROC of both models, right what the better one stands on."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from sklearn.metrics import roc_auc_score, roc_curve

    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.5), layout="constrained")
    for name, values in said.items():
        wrong, found, _ = roc_curve(late, values)
        left.plot(wrong, found, label=f"{name}, AUC {roc_auc_score(late, values):.3f}")
    left.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle="--")
    left.set_title("one hour before departure: who will land late?")
    left.set(xlabel="share of punctual flights called late", ylabel="share of late flights found")
    left.legend(loc="lower right")
    shown = lost[:SHOWN][::-1]
    colors = ["tab:grey" if is_plain(name) else "tab:orange" for name, _ in shown]
    right.barh([name for name, _ in shown], [value for _, value in shown], color=colors)
    right.set(xlabel="ROC AUC lost when the column is shuffled", title="what the model stands on (orange: history from headrace)")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Training set → two models → a table and a picture."""
    began = time.monotonic()
    rows = training_set()
    asked = rows.num_rows
    print(f"  the training set: {asked:,} rows, {rows.num_columns} columns, in {time.monotonic() - began:.0f} s", flush=True)
    data = frame(rows.filter(rows["late"].is_valid()))
    late = data["late"].to_numpy().astype(bool)
    features = [name for name in rows.column_names if name not in {"tailnum", "flight", "asked", "scheduled", "late"}]
    plain = [name for name in features if is_plain(name)]
    learns = (data["asked"] < TEST_FROM).to_numpy()
    print(f"  {asked:,} questions, {len(data):,} with an answer: {learns.sum():,} to learn from, {(~learns).sum():,} to be judged on")
    print(f"  of the latter {late[~learns].mean():.1%} landed late", flush=True)

    said, models = {}, {}
    for title, columns in ((f"schedule and weather ({len(plain)} columns)", plain), (f"and history ({len(features)} columns)", features)):
        models[title] = fit(data.loc[learns, columns], late[learns])
        said[title] = models[title].predict_proba(data.loc[~learns, columns])[:, 1]
        judged = scores(late[~learns], said[title]).items()
        print(f"  {title:36}" + "  ".join(f"{name} {value:.4f}" for name, value in judged), flush=True)

    lost = importance(models[title], data.loc[~learns, features], late[~learns])
    print("  it stands on " + ", ".join(name for name, _ in lost[:5]))
    out = HERE / "out"
    out.mkdir(exist_ok=True)
    draw(out / "learned.png", late[~learns], said, lost)


if __name__ == "__main__":
    main()
