"""Prints the failed tests of an xUnit result file: name, message, first lines of the stack, output."""
import sys
import xml.etree.ElementTree as ElementTree


def shown(text, lines):
    rows = (text or "").strip().splitlines()
    return "".join(f"\n    {row[:400]}" for row in rows[:lines]) + (f"\n    ({len(rows) - lines} more lines)" if len(rows) > lines else "")


root = ElementTree.parse(sys.argv[1]).getroot()
for test in root.iter("test"):
    if test.get("result") == "Fail":
        print(f"FAILED {test.get('name')} ({test.get('time')} s)"
              + shown(test.findtext("failure/message"), 20)
              + shown(test.findtext("failure/stack-trace"), 12)
              + shown(test.findtext("output"), 60))
for error in root.iter("error"):
    print(f"ERROR {error.get('type')} {error.get('name') or ''}" + shown(error.findtext("failure/message"), 20) + shown(error.findtext("failure/stack-trace"), 12))
