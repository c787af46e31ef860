"""The verify worker: a run trained again by stock TRL and PEFT, and compared."""
