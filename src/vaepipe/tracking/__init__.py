"""Results to MLflow. Results are files first and are logged afterwards: a store that can't be used
costs no result.

`store` finds and opens the store, `content` says what a run holds and `names` under which names,
`log_runs` logs each run whole or not at all, `models`, `pyfunc` and `registry` log the trained
models, `stream` sends metrics to a server while training runs, `ui` and `links` show it all.
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
    # By its own settings MLflow waits for many minutes for a server that does not answer.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
}.items():
    os.environ.setdefault(_name, _value)
