/** The patch of kafkajs: without it an idle connection wakes up every millisecond (1769 times and 120 ms of CPU in 2 s). */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { available, sharedKafka } from '../../../../../test/services/index.ts';
import { clientOf, newTopic } from './testing.ts';

describe.runIf(await available('kafka'))('a producer with nothing to send', () => {
  it('costs next to nothing, and warns of nothing', async () => {
    const { brokers } = await sharedKafka();
    const topic = await newTopic(clientOf({ brokers }));
    const script = join(import.meta.dirname, 'idle-producer.ts');
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [script, brokers.join(), topic]);
    const { stored, cpuMs, wakeUps } = JSON.parse(stdout) as { stored: boolean; cpuMs: number; wakeUps: number };
    expect(stored).toBe(true);
    // One timer for all requests of a connection, ten times a second.
    expect(wakeUps).toBeLessThan(60);
    expect(cpuMs).toBeLessThan(20);
    expect(stderr).toBe('');
  });
});
