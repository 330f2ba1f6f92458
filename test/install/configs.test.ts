/** The two files that `npm start` writes: YAML that says what was asked for, whatever the directory is called. */
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { agentConfig, collectorConfig, localPaths } from '../../install/local/configs.ts';

const paths = localPaths('/tmp/a "quoted": #place, {with} \\ and spaces');

it('the collector’s file binds to loopback and keeps everything in the data directory', () => {
  expect(parse(collectorConfig(paths, { port: 7440, adminPort: 7441 }))).toEqual({
    listen: '127.0.0.1:7440',
    state_dir: paths.collectorState,
    sinks: { jsonl: { dir: paths.points } },
    admin: { listen: '127.0.0.1:7441' },
  });
});

it('the agent’s file names the collector and the interval', () => {
  const text = agentConfig(paths, { url: 'http://127.0.0.1:7440', intervalMs: 90_000, adminPort: 0 });
  expect(parse(text)).toEqual({
    collector: { url: 'http://127.0.0.1:7440' },
    collection: { interval: '1m30s' },
    state_dir: paths.agentState,
    admin: { listen: '127.0.0.1:0' },
  });
});
