"""Cuts connections by a file that a double looks at, and hands all else on to the driver that follows."""

import json
import subprocess
import sys

CUTS, *DRIVER = sys.argv[1:]
driver = subprocess.Popen(DRIVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

for line in sys.stdin:
    if json.loads(line)["call"] == "disturb":
        with open(CUTS, "a") as cuts:
            cuts.write(".")
        print('{"ok": true}', flush=True)
    else:
        driver.stdin.write(line)
        driver.stdin.flush()
        print(driver.stdout.readline(), end="", flush=True)
