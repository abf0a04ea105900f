"""From images and settings to a trained model: the step, the loop, checkpoints."""
