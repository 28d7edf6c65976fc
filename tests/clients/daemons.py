"""dockerd, containerd and buildkitd on a machine of the lab: each with folders of its own, ready when it returns."""
import json, os, socket, time


def _ready(lab, process, address, log, question=b""):
    """Until it answers on its socket, or has ended."""
    for _ in range(1200):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(30)
                s.connect(address)
                s.sendall(question)
                if not question or b" 200 " in s.recv(100):
                    return
        except OSError:
            pass
        if process.poll() is not None:
            break
        time.sleep(0.1)
    with open(lab.path(log)) as f:
        raise AssertionError(f"{log}: it did not start:\n" + f.read()[-4000:])


def dockerd(machine, name, program="dockerd", env={}, **settings):
    """Its process and its address. Images are kept in memory."""
    lab, d = machine.lab, machine.lab.path(name)
    os.makedirs(d + "/data", exist_ok=True)
    with open(d + "/daemon.json", "w") as f:
        json.dump({"hosts": [f"unix://{d}/docker.sock"], "data-root": d + "/data", "exec-root": d + "/exec", "pidfile": d + "/docker.pid",
                   "iptables": False, "ip6tables": False, "ip-forward": False, "ip-masq": False, "bridge": "none", **settings}, f)
    process = machine.background(program, "--config-file", d + "/daemon.json", log=name + ".log", data=d + "/data", **env)
    _ready(lab, process, d + "/docker.sock", name + ".log", b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
    return process, f"unix://{d}/docker.sock"


def containerd(machine, name):
    lab, d = machine.lab, machine.lab.path(name)
    os.makedirs(d)
    with open(d + "/config.toml", "w") as f:
        f.write(f'version = 2\nroot = "{d}/root"\nstate = "{d}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                f'[grpc]\n  address = "{d}/containerd.sock"\n')
    process = machine.background("containerd", "-c", d + "/config.toml", log=name + ".log")
    _ready(lab, process, d + "/containerd.sock", name + ".log")
    return process, d + "/containerd.sock"


def buildkitd(machine, name, program, registries):
    lab, d = machine.lab, machine.lab.path(name)
    os.makedirs(d)
    with open(d + "/buildkitd.toml", "w") as f:
        f.write(f'root = "{d}/root"\n[grpc]\naddress = ["unix://{d}/socket"]\n[worker.oci]\nsnapshotter = "native"\n'
                f'[worker.containerd]\nenabled = false\n' + registries)
    process = machine.background(program, "--config", d + "/buildkitd.toml", log=name + ".log")
    _ready(lab, process, d + "/socket", name + ".log")
    return process, f"unix://{d}/socket"
