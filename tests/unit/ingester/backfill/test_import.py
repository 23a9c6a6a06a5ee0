"""An ingester without a backfill does not load an HTTP client."""

import subprocess
import sys


def test_the_process_starts_without_an_http_client() -> None:
    code = "import sys, sluice_ingester.app; print([name for name in sys.modules if name.startswith('aiohttp')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
