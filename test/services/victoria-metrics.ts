/** VictoriaMetrics from the distribution's package, single node: takes Influx line protocol, exports every raw sample. */
import { join } from 'node:path';
import { debianProgram } from './debian.ts';
import { freePorts } from './ports.ts';
import { launch, type Server, serverDir } from './server.ts';

export interface VictoriaMetricsOptions {
  /** Further flags: `['-search.latencyOffset=0s']`. A flag given twice counts as last given. */
  args?: string[];
}

export interface VictoriaMetrics extends Server {
  url: string;
}

/** Starts a VictoriaMetrics of its own. What was written is found at once, and stays for 100 years. */
export async function startVictoriaMetrics({ args = [] }: VictoriaMetricsOptions = {}): Promise<VictoriaMetrics> {
  const program = await debianProgram({ name: 'victoria-metrics', pkg: 'victoria-metrics' });
  const [[port = 0], dir] = await Promise.all([freePorts(1), serverDir('victoria-metrics')]);
  const url = `http://127.0.0.1:${port}`;
  const server = await launch({
    name: 'VictoriaMetrics',
    dir,
    ...program,
    args: [
      `-httpListenAddr=127.0.0.1:${port}`,
      `-storageDataPath=${join(dir, 'data')}`,
      '-retentionPeriod=100y',
      '-memory.allowedBytes=128MiB',
      '-search.latencyOffset=0s',
      '-search.disableCache',
      '-loggerLevel=WARN',
      ...args,
    ],
    isReady: async (signal) => (await fetch(`${url}/health`, { signal })).ok,
  });
  return Object.assign(server, { url });
}
