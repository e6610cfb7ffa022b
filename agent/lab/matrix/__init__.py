"""From any modality to any: the chain of tools of every cell, and runs whose output is compared with the truth."""
