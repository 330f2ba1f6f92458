/**
 * The two configuration files that `npm start` writes into its data directory, and where it keeps what. They are
 * ordinary files of the two programs: `collector check -c FILE` takes them.
 */
import { join } from 'node:path';
import { formatDuration } from '@metricstream/shared/units.ts';

const header =
  '# Written by `npm start` at each start. To change something, copy it elsewhere and use `run -c FILE`.\n';

/** A string as a YAML scalar; JSON's quoting is YAML's. */
const quoted = (text: string) => JSON.stringify(text);

export interface LocalPaths {
  agentConfig: string;
  collectorConfig: string;
  /** The agent's identity and spool. */
  agentState: string;
  /** The collector's journal and cursors. */
  collectorState: string;
  /** The points, as JSON lines. */
  points: string;
}

/** Where a local start keeps its files under its (absolute) data directory. */
export function localPaths(dataDir: string): LocalPaths {
  return {
    agentConfig: join(dataDir, 'agent.yaml'),
    collectorConfig: join(dataDir, 'collector.yaml'),
    agentState: join(dataDir, 'agent'),
    collectorState: join(dataDir, 'collector'),
    points: join(dataDir, 'points'),
  };
}

/** The collector's file: loopback only, points as JSON lines. */
export function collectorConfig(paths: LocalPaths, ports: { port: number; adminPort: number }): string {
  return `${header}listen: 127.0.0.1:${ports.port}
state_dir: ${quoted(paths.collectorState)}
sinks:
  jsonl: { dir: ${quoted(paths.points)} }
admin: { listen: 127.0.0.1:${ports.adminPort} }
`;
}

/** The agent's file: this host, every `intervalMs`, to the collector at `url`. */
export function agentConfig(
  paths: LocalPaths,
  { url, intervalMs, adminPort }: { url: string; intervalMs: number; adminPort: number },
): string {
  return `${header}collector: { url: ${quoted(url)} }
collection: { interval: ${formatDuration(intervalMs)} }
state_dir: ${quoted(paths.agentState)}
admin: { listen: 127.0.0.1:${adminPort} }
`;
}
