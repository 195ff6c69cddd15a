/**
 * Several hosts on one machine: network namespaces, each with an address and a name, connected by a bridge.
 * Processes of different hosts share neither the network nor, for MPI, the memory.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
}

/** Why there can be no such hosts here; null if there can. */
export function hostsMissing(): string | null {
  const name = `trial${process.pid}`;
  try {
    ip("netns", "add", name);
    ip("-n", name, "link", "add", "bridge", "type", "bridge");
    execFileSync("ip", ["netns", "exec", name, "unshare", "-u", "true"], { stdio: "ignore" });
    return null;
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    return `network namespaces are not permitted: ${(stderr || message).trim().split("\n")[0]}`;
  } finally {
    try {
      ip("netns", "del", name);
    } catch {
      // it was never made
    }
  }
}

export class Hosts {
  /** Their addresses. */
  readonly addresses: readonly string[];
  /** A program that runs a command on a host, as ssh does: the launchers start their helpers with it. */
  readonly agent: string;
  readonly #prefix: string;

  /** Makes `count` hosts; `folder` takes the agent. */
  constructor(folder: string, count: number) {
    this.#prefix = `h${process.pid}`;
    this.addresses = Array.from({ length: count }, (_, i) => `10.77.0.${i + 1}`);
    this.agent = join(folder, "agent.sh");
    const [run, bridge] = [`ip netns exec ${this.#prefix}-$n unshare -u sh -c "hostname host$n; $*"`, this.#bridge];
    // the launchers give options, an address, and a command with its quotes
    writeFileSync(this.agent, `#!/bin/bash\nwhile [[ $1 == -* ]]; do shift; done\nn=\${1##*.}; shift\nexec ${run}\n`, {
      mode: 0o755,
    });
    ip("netns", "add", bridge);
    ip("-n", bridge, "link", "add", "bridge", "type", "bridge");
    ip("-n", bridge, "link", "set", "bridge", "up");
    for (const [i, address] of this.addresses.entries()) {
      const host = `${this.#prefix}-${i + 1}`;
      ip("netns", "add", host);
      ip("-n", host, "link", "set", "lo", "up");
      ip("link", "add", `v${i}`, "netns", bridge, "type", "veth", "peer", "name", "eth0", "netns", host);
      ip("-n", bridge, "link", "set", `v${i}`, "master", "bridge", "up");
      ip("-n", host, "addr", "add", `${address}/24`, "dev", "eth0");
      ip("-n", host, "link", "set", "eth0", "up");
    }
  }

  get #bridge(): string {
    return `${this.#prefix}-bridge`;
  }

  /** A launcher's command, for the first host. */
  onFirst(command: readonly string[]): string[] {
    const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    return ["ip", "netns", "exec", `${this.#prefix}-1`, "unshare", "-u", "sh", "-c", `hostname host1; exec ${quoted}`];
  }

  /** Arguments of Open MPI's mpirun: one rank per host, messages by TCP. */
  get openMpi(): string[] {
    const network = "10.77.0.0/24";
    const settings = {
      plm_rsh_agent: this.agent,
      btl: "self,tcp",
      btl_tcp_if_include: network,
      oob_tcp_if_include: network,
      mpi_yield_when_idle: "1",
    };
    const hosts = this.addresses.map((address) => `${address}:1`).join(",");
    return ["-H", hosts, "--bind-to", "none", ...Object.entries(settings).flatMap((pair) => ["--mca", ...pair])];
  }

  /** Arguments of MPICH's mpiexec.hydra: one rank per host, messages by TCP. */
  get mpich(): string[] {
    const hosts = this.addresses.join(",");
    return [
      "-hosts",
      hosts,
      "-ppn",
      "1",
      "-launcher",
      "rsh",
      "-launcher-exec",
      this.agent,
      "-iface",
      "eth0",
      "-genv",
      "UCX_TLS",
      "tcp,self",
      "-genv", // not the loopback device: to UCX, all hosts are one machine, which could use it
      "UCX_NET_DEVICES",
      "eth0",
    ];
  }

  close(): void {
    for (const name of [...this.addresses.map((_, i) => `${this.#prefix}-${i + 1}`), this.#bridge])
      ip("netns", "del", name);
  }
}
