"""How busy the machine is, under the names by which MLflow's UI knows its system metrics."""

import os
from collections.abc import Iterator
from contextlib import suppress

import psutil


class Machine:
    """Processor, memory, disk and network; GPUs where the package `nvidia-ml-py` is installed."""

    def __init__(self):
        psutil.cpu_percent()  # each call tells of the time since the one before
        self.network = psutil.net_io_counters()
        self.nvml = None
        with suppress(ImportError):
            import pynvml

            with suppress(pynvml.NVMLError):  # such as no driver
                pynvml.nvmlInit()
                self.nvml = pynvml

    def metrics(self) -> dict[str, float]:
        """Values of this moment, as `system/cpu_utilization_percentage` and so on."""
        memory, disk = psutil.virtual_memory(), psutil.disk_usage(os.sep)
        network = psutil.net_io_counters()
        values = {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / 1e6,
            "system_memory_usage_percentage": 100 * memory.used / memory.total,
            "disk_usage_percentage": disk.percent,
            "disk_usage_megabytes": disk.used / 1e6,
            "disk_available_megabytes": disk.free / 1e6,
            "network_receive_megabytes": (network.bytes_recv - self.network.bytes_recv) / 1e6,
            "network_transmit_megabytes": (network.bytes_sent - self.network.bytes_sent) / 1e6,
        }
        return {f"system/{name}": value for name, value in (values | dict(self._gpus())).items()}

    def _gpus(self) -> Iterator[tuple[str, float]]:
        for i in range(self.nvml.nvmlDeviceGetCount() if self.nvml else 0):
            with suppress(self.nvml.NVMLError):  # what this card does not tell
                card = self.nvml.nvmlDeviceGetHandleByIndex(i)
                memory = self.nvml.nvmlDeviceGetMemoryInfo(card)
                yield f"gpu_{i}_memory_usage_megabytes", memory.used / 1e6
                yield f"gpu_{i}_memory_usage_percentage", 100 * memory.used / memory.total
                use = self.nvml.nvmlDeviceGetUtilizationRates(card)
                yield f"gpu_{i}_utilization_percentage", use.gpu
                yield f"gpu_{i}_power_usage_watts", self.nvml.nvmlDeviceGetPowerUsage(card) / 1000
