"""pythae (Chadebec, Vincent and Allassonnière 2022, arXiv 2206.08309) on the same net.

Its own VAE, `BaseTrainer` and data set, with an encoder and a decoder of the shared widths. Version
0.1.2 runs unchanged beside the versions of requirements.lock. Its output is discarded.
"""

import contextlib
import io
import logging
import tempfile
import time

from torch import Tensor, nn

from benchmarks.setting import BATCH, HIDDEN, LATENTS, PIXELS, RATE
from vaepipe.data.dataset import Images, grey


def epoch_seconds(training: Images) -> float:
    """Processor seconds of its trainer from the end of the first epoch to that of the second."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        return _epoch_seconds(training)


def _epoch_seconds(training: Images) -> float:
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    logging.getLogger("pythae").setLevel(logging.ERROR)
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("pythae."):
            logging.getLogger(name).setLevel(logging.ERROR)

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU())
            self.mean, self.log_var = nn.Linear(HIDDEN, LATENTS), nn.Linear(HIDDEN, LATENTS)

        def forward(self, x: Tensor) -> ModelOutput:
            hidden = self.hidden(x)
            return ModelOutput(embedding=self.mean(hidden), log_covariance=self.log_var(hidden))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            back = nn.Linear(LATENTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS), nn.Sigmoid()
            self.layers = nn.Sequential(*back)

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.layers(z))

    ends: list[float] = []

    class Clock(TrainingCallback):
        def on_epoch_end(self, training_config: BaseTrainerConfig, **_: object) -> None:
            ends.append(time.process_time())

    config = VAEConfig(input_dim=(PIXELS,), latent_dim=LATENTS, reconstruction_loss="bce")
    model = VAE(config, Encoder(), Decoder())
    data = BaseDataset(grey(training.pixels), training.labels)
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=2,
            learning_rate=RATE,
            per_device_train_batch_size=BATCH,
            no_cuda=True,
        )
        BaseTrainer(model, data, training_config=settings, callbacks=[Clock()]).train()
    return ends[1] - ends[0]
