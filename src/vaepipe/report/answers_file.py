"""The page's answers as plain text, for MLflow and for whoever reads them by a program."""

import html

from vaepipe.core.files import read_json, read_table
from vaepipe.data.manifest import about
from vaepipe.evaluation.verdicts import with_verdicts
from vaepipe.models import weights
from vaepipe.params import Matrix
from vaepipe.report.answers import is_grey, questions
from vaepipe.report.numbers import seconds_table
from vaepipe.report.words import Text
from vaepipe.results import Results, pictured_cells, runs_of


def answers(matrix: Matrix, results: Results) -> list[dict[str, str | int]]:
    """A record for each question and latent size of the page's first screen.

    Returns:
        `question` (its key), `title`, `latent_dim`, `answer` and `how_sure`, in English.
    """
    dims = pictured_cells(matrix).latent_dims
    comparison, differences = (
        table[table["latent_dim"].isin(dims)]
        for table in map(read_table, (results.comparison_table, results.differences_table))
    )
    # Only models that are given the label have this metric.
    conditional = set(comparison.loc[comparison["metric"] == "conditional_accuracy", "model"])
    runs = runs_of(matrix)
    classes = len(about(weights.read_metadata(results.model(runs[0]))["data"]).classes)
    verdicts = with_verdicts(differences, conditional, max(2, classes))
    timing = {run: read_json(results.timing(run)) for run in runs if run.latent_dim in dims}
    protocol = read_json(results.protocol)
    seconds = seconds_table(timing, protocol["failed_runs"])
    asked = questions(comparison, verdicts, seconds, conditional, is_grey(protocol))
    return [
        {
            "question": question.name,
            "title": plain(question.title),
            "latent_dim": answer.latent_dim,
            "answer": f"{plain(answer.text)} {plain(answer.note)}".strip(),
            "how_sure": plain(answer.how_sure),
        }
        for question in asked
        for answer in question.answers
    ]


def plain(text: Text) -> str:
    """Its English without tags and entities."""
    return html.unescape(text.plain().en)
