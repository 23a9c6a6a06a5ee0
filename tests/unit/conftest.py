"""Settings of hypothesis: no deadline, since the machine that runs the tests may be busy."""

from hypothesis import HealthCheck, settings

settings.register_profile("unit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")
