"""Reads Kubernetes manifests and prints them as JSON, one object a line: the test looks at them with what it knows of the code."""
import json
import sys

import yaml

for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        for document in yaml.safe_load_all(file):
            print(json.dumps(document))
