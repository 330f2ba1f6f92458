/** The options of `npm start`: read and checked before anything is started. Pure. */
import { parseArgs } from 'node:util';
import { parseDuration } from '@metricstream/shared/units.ts';

export interface StartOptions {
  /** Everything this start writes lies under it. */
  dataDir: string;
  /** Undefined: until Ctrl-C. */
  forMs: number | undefined;
  intervalMs: number;
  port: number;
  adminPort: number;
  agentAdminPort: number;
}

/** A wrong call; the message says which option and what it expects. */
export class UsageError extends Error {}

export const help = `npm start [-- OPTIONS]: a collector and one agent on this host, until Ctrl-C

  --for TIME               end by itself after this time (20s, 5m)
  --interval TIME          time between two readings of this host (default 10s)
  --data DIR               where configuration, spool, journal and points are kept (default ./data)
  --port PORT              where the collector takes batches (default 7440)
  --admin-port PORT        the collector's /metrics, /readyz, /status (default 7441)
  --agent-admin-port PORT  the agent's /metrics, /readyz, /status (default 7442)
  --help                   this text

A port 0 is any free one. The same --data goes on where the last start ended.
Exit code: 0 when every point is accounted for, 1 when not or a program failed, 2 for a wrong option.
Example: npm start -- --for 20s --interval 1s --data /tmp/metrics
`;

/** Reads the options; 'help' when asked for it. Throws UsageError. */
export function parseOptions(args: string[]): StartOptions | 'help' {
  const values = readValues(args);
  if (values.help === true) return 'help';
  return {
    dataDir: values.data,
    forMs: values.for === undefined ? undefined : durationMs('--for', values.for),
    intervalMs: durationMs('--interval', values.interval),
    port: portOf('--port', values.port),
    adminPort: portOf('--admin-port', values['admin-port']),
    agentAdminPort: portOf('--agent-admin-port', values['agent-admin-port']),
  };
}

function readValues(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        for: { type: 'string' },
        interval: { type: 'string', default: '10s' },
        data: { type: 'string', default: './data' },
        port: { type: 'string', default: '7440' },
        'admin-port': { type: 'string', default: '7441' },
        'agent-admin-port': { type: 'string', default: '7442' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function durationMs(option: string, text: string): number {
  const parsed = parseDuration(text);
  if (!parsed.ok) throw new UsageError(`${option}: ${parsed.what}; expected ${parsed.expected}`);
  if (parsed.value <= 0) throw new UsageError(`${option}: "${text}" is no time at all`);
  return parsed.value;
}

function portOf(option: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new UsageError(`${option}: "${text}" is not a port; expected a number from 0 to 65535`);
  return port;
}
