"""Properties are tried without a deadline, for one example or for making some: machines that test are often busy."""

from hypothesis import HealthCheck, settings

settings.register_profile("unit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")
