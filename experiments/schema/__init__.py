"""The shape of a definition: what `experiment.yaml` and `questions.yaml` may say.

Promises: names are those the field already uses (transformers, TRL, PEFT, llmcomp) wherever they
have one; unknown keys are errors; every model here is immutable and JSON-serialisable, so a
resolved copy can be stored with every run.

This is the one package with a face: the schema is a vocabulary that the whole program speaks, and
in which file a word stands says how the schema is kept, not what it means. A new model goes into
the file of its section and, if others use it, into this list.
"""

from experiments.schema.accelerate import AccelerateConfig
from experiments.schema.analysis import (
    CORRECT,
    CORRECT_JUDGE,
    WRONG,
    Analysis,
    Contrast,
    Given,
    Measure,
    Primary,
    Threshold,
)
from experiments.schema.arm_kinds.held_out import HeldOut
from experiments.schema.arms import BASE_ARM, Arm, InContext, Role, Seeds, parse_seeds
from experiments.schema.backend import Backend, SlurmOptions
from experiments.schema.base import NAME, Message, Model, Turn
from experiments.schema.contexts import MODES, Context, TrainingContext
from experiments.schema.data_files import Brought, DataFile
from experiments.schema.definition import Definition, Source
from experiments.schema.derived import Derived, Keep
from experiments.schema.judges import BROKEN_JUDGE, JudgeSpec, ModelJudge, Rubric
from experiments.schema.published import PublishedFigure
from experiments.schema.questions import Question
from experiments.schema.regularise import Regularise
from experiments.schema.sampling import DuringTraining, SamplingConfig, Variant
from experiments.schema.sweeps.contexts import ContextSweep, name_in_context
from experiments.schema.training import CheckpointsConfig, LoraConfig, PolyConfig, TrainingConfig
from experiments.schema.training_for import Training

__all__ = [
    "BASE_ARM",
    "BROKEN_JUDGE",
    "CORRECT",
    "CORRECT_JUDGE",
    "MODES",
    "NAME",
    "WRONG",
    "AccelerateConfig",
    "Analysis",
    "Arm",
    "Backend",
    "Brought",
    "CheckpointsConfig",
    "Context",
    "ContextSweep",
    "Contrast",
    "DataFile",
    "Definition",
    "Derived",
    "DuringTraining",
    "Given",
    "HeldOut",
    "InContext",
    "JudgeSpec",
    "Keep",
    "LoraConfig",
    "Measure",
    "Message",
    "Model",
    "ModelJudge",
    "PolyConfig",
    "Primary",
    "PublishedFigure",
    "Question",
    "Regularise",
    "Role",
    "Rubric",
    "SamplingConfig",
    "Seeds",
    "SlurmOptions",
    "Source",
    "Threshold",
    "Training",
    "TrainingConfig",
    "TrainingContext",
    "Turn",
    "Variant",
    "name_in_context",
    "parse_seeds",
]
