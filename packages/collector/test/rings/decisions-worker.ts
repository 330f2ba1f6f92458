/** The ingest worker's part in the decisions test: writes numbered decisions as fast as it can. */
import { isMainThread, workerData } from 'node:worker_threads';
import type { DecisionReason } from '../../src/rings/decisions.ts';
import { createDecisionWriter } from '../../src/rings/decisions.ts';

export interface DecisionsData {
  shared: SharedArrayBuffer;
  total: number;
}

/** @returns the time that belongs to a slot, so that parts of two decisions are told apart. */
export function timeOf(slot: number): number {
  return Math.imul(slot, 0x9e3779b1) >>> 0;
}

function run({ shared, total }: DecisionsData): void {
  const writer = createDecisionWriter(shared);
  for (let slot = 0; slot < total; slot++) {
    writer.record(slot, timeOf(slot), slot % 2 === 0, (slot % 12) as DecisionReason);
    if (slot % 8 === 7) writer.publish();
  }
  writer.publish();
}

const data = workerData as Partial<DecisionsData> | undefined;
if (!isMainThread && data?.shared) run(data as DecisionsData);
