"""Results to MLflow: files first, then published, so that a store's fault never costs a result.

`store` finds and opens the store, `content` says what a run holds and under which names, `publish`
writes it whole or not at all, `models`, `pyfunc` and `registry` see to the trained models, `live`
and `stream` carry metrics to a server while training runs (by `rest`, those of the `machine`, too),
`ui` shows it all.
"""

import os

# MLflow reads these when it is imported. What the user has set stays.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # Those links hold the password of a server's address.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # MLflow's own patience with a server that is away is many minutes.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
}.items():
    os.environ.setdefault(_name, _value)
