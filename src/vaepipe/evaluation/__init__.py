"""From a trained model to its metrics, and from the metrics of all runs to tables."""
