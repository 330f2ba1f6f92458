/**
 * What the forwarder's JSONL must find again after a crash: the file and the length up to which its lines are whole. Owns
 * one small file beside the lines, `forward-state.json`, and promises that it holds the old state or the new one. The
 * offsets move only after it: what a crash cuts off comes again from the topic.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, MetricStreamError } from '@metricstream/shared/errors.ts';
import { writeFileAtomically } from '@metricstream/shared/atomic-file.ts';
import { fileName, type JsonlState, listFiles, parseState } from '../sinks/jsonl/directory.ts';

const NAME = 'forward-state.json';

/**
 * @returns the state that was kept; in a directory without lines a first one, kept already, so that a crash before the first
 * commit is like any other. Undefined: there are lines and nobody knows how far they are whole.
 * @throws MetricStreamError `damaged` when the file is of no use.
 */
export async function loadJsonlState(dir: string): Promise<JsonlState | undefined> {
  const kept = read(join(dir, NAME));
  if (kept !== undefined) return kept;
  if ((await listFiles(dir)).length > 0) return undefined;
  const first: JsonlState = { file: fileName(1), lengthBytes: 0 };
  saveJsonlState(dir, first);
  return first;
}

/** Durable when it returns. */
export function saveJsonlState(dir: string, state: unknown): void {
  writeFileAtomically(join(dir, NAME), `${JSON.stringify(state)}\n`);
}

function read(path: string): JsonlState | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return parseState(JSON.parse(text));
  } catch (cause) {
    throw new MetricStreamError(
      'damaged',
      `${path} does not say how far the lines beside it are whole (${messageOf(cause)}); remove it, and the next start sets the files aside and begins new ones`,
      { cause },
    );
  }
}
