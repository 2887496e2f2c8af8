#!/usr/bin/python3
"""The two ends of the Model Context Protocol, as far as doc/recipes/mcp.md needs them: JSON-RPC, a line a message.

    mcp-client NAME     starts the server NAME of ~/.config/mcp.json, says hello, and prints the names of its tools
    acme-mcp            the server: answers on standard input and output until that ends
"""
import json
import os
import subprocess
import sys

VERSION = "2024-11-05"


def serve():
    answers = {"initialize": {"protocolVersion": VERSION, "capabilities": {"tools": {}},
                              "serverInfo": {"name": "acme", "version": "1"}},
               "tools/list": {"tools": [{"name": name, "inputSchema": {"type": "object"}}
                                        for name in ("inventory", "restart")]}}
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answers[message["method"]]}), flush=True)


def client(name):
    with open(os.path.expanduser("~/.config/mcp.json"), encoding="utf8") as config:
        entry = json.load(config)["mcpServers"][name]
    server = subprocess.Popen([entry["command"], *entry["args"]], env={**os.environ, **entry.get("env", {})},
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(message):
        try:
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            server.stdin.flush()
        except BrokenPipeError:
            sys.exit("the server has ended")

    def ask(number, method, params):
        tell({"id": number, "method": method, "params": params})
        line = server.stdout.readline()
        if not line:
            server.wait()
            sys.exit("the server has ended")
        return json.loads(line)["result"]

    ask(1, "initialize", {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}})
    tell({"method": "notifications/initialized"})
    tools = ask(2, "tools/list", {})["tools"]
    server.stdin.close()
    server.wait()
    print("%s: %s" % (name, ", ".join(tool["name"] for tool in tools)))


if os.path.basename(sys.argv[0]) == "mcp-client":
    client(sys.argv[1])
else:
    serve()
