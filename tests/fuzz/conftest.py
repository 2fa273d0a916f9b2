"""The helpers of other test folders, which the targets use."""

import paths

paths.add()
