"""Networks, their artifacts and their predictions. Serving needs numpy alone, the networks themselves torch."""

from genesis_lib.models import registry
from genesis_lib.models.artifact import Artifact
from genesis_lib.models.predictor import CLASSES, Predictor

__all__ = ["CLASSES", "Artifact", "Predictor", "registry"]
