"""What asv tracks across commits."""

import sys
from pathlib import Path

# The workload is shared with compare.py, one folder up.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
