/** vmalert from the distribution's victoria-metrics package: evaluates Prometheus rule files against VictoriaMetrics. */
import { debianProgram } from './debian.ts';
import { freePorts } from './ports.ts';
import { launch, type Server, serverDir } from './server.ts';

export interface VmalertOptions {
  /** Absolute paths; globs are fine. */
  ruleFiles: string[];
  /** Where the queries go: a VictoriaMetrics. */
  datasourceUrl: string;
  evaluationIntervalMs?: number;
  /** Where recording rules and the alerts' state are written; not written by default. */
  remoteWriteUrl?: string;
  /** Further flags. */
  args?: string[];
}

export interface Alert {
  name: string;
  state: 'pending' | 'firing';
  value: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  activeAt: string;
}

export interface Vmalert extends Server {
  url: string;
  /** The alerts that are pending or firing now. */
  alerts(): Promise<Alert[]>;
}

/** The program, for its other uses (`-dryRun` checks rule files). */
export function vmalertProgram() {
  return debianProgram({ name: 'vmalert', pkg: 'victoria-metrics' });
}

/** Starts a vmalert of its own; rejects with its words about a rule file that is wrong. */
export async function startVmalert(options: VmalertOptions): Promise<Vmalert> {
  const { ruleFiles, datasourceUrl, evaluationIntervalMs = 1000, remoteWriteUrl, args = [] } = options;
  const program = await vmalertProgram();
  const [[port = 0], dir] = await Promise.all([freePorts(1), serverDir('vmalert')]);
  const url = `http://127.0.0.1:${port}`;
  const server = await launch({
    name: 'vmalert',
    dir,
    ...program,
    args: [
      `-httpListenAddr=127.0.0.1:${port}`,
      ...ruleFiles.map((file) => `-rule=${file}`),
      `-datasource.url=${datasourceUrl}`,
      `-evaluationInterval=${evaluationIntervalMs}ms`,
      // Without a receiver of alerts it does not start. They are read from here; its own address takes none.
      `-notifier.url=${url}`,
      '-loggerLevel=ERROR',
      ...(remoteWriteUrl === undefined ? [] : [`-remoteWrite.url=${remoteWriteUrl}`]),
      ...args,
    ],
    isReady: async (signal) => (await fetch(`${url}/health`, { signal })).ok,
  });
  return Object.assign(server, {
    url,
    async alerts() {
      const response = await fetch(`${url}/api/v1/alerts`);
      const answer = (await response.json()) as { data: { alerts: Alert[] | null } };
      return answer.data.alerts ?? [];
    },
  });
}
