/**
 * How far one reader of a journal has come. Owns one small file per cursor and promises that it holds either the old
 * place or the new one, whole: position, the sink's own state and the running totals move together or not at all.
 */
import { readFileSync } from 'node:fs';
import { writeFileAtomically } from '../atomic-file.ts';

export interface CursorTotals {
  recordsStored: number;
  pointsStored: number;
  /** Rejected by the sink and kept as dead letters. */
  recordsDead: number;
  pointsDead: number;
  /** Lost on purpose or by damage, by reason. */
  pointsDropped: Record<string, number>;
}

export interface CursorState {
  /** The journal it belongs to; another id means that the journal was replaced. */
  journalId: number;
  position: number;
  /** Points of the journal before this cursor's first position. */
  pointsBefore: number;
  /** What an append-only sink must find again beside the position. */
  sink: unknown;
  totals: CursorTotals;
}

export function emptyTotals(): CursorTotals {
  return { recordsStored: 0, pointsStored: 0, recordsDead: 0, pointsDead: 0, pointsDropped: {} };
}

/** Adds what was done since. */
export function addTotals(totals: CursorTotals, done: Readonly<CursorTotals>): void {
  totals.recordsStored += done.recordsStored;
  totals.pointsStored += done.pointsStored;
  totals.recordsDead += done.recordsDead;
  totals.pointsDead += done.pointsDead;
  for (const [reason, points] of Object.entries(done.pointsDropped)) addDropped(totals, reason, points);
}

export function addDropped(
  { pointsDropped }: Pick<CursorTotals, 'pointsDropped'>,
  reason: string,
  points: number,
): void {
  pointsDropped[reason] = (pointsDropped[reason] ?? 0) + points;
}

/** @returns the points dropped, whatever the reason. */
export function droppedIn({ pointsDropped }: Pick<CursorTotals, 'pointsDropped'>): number {
  return Object.values(pointsDropped).reduce((sum, points) => sum + points, 0);
}

/** @returns the points that are stored, dead or dropped. */
export function passedIn(totals: CursorTotals): number {
  return totals.pointsStored + totals.pointsDead + droppedIn(totals);
}

/**
 * @returns the cursor kept at `path`, undefined when there is none, `damaged` when it is not whole.
 * @throws what the system throws for a file that is there and cannot be read: to begin anew for want of a file
 * descriptor would store everything again.
 */
export function loadCursor(path: string): CursorState | 'damaged' | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const kept = JSON.parse(text) as CursorState;
    const { position, journalId, pointsBefore, totals } = kept;
    const whole = [position, journalId, pointsBefore].every((value) => Number.isSafeInteger(value) && value >= 0);
    return whole && typeof totals.pointsDropped === 'object' ? kept : 'damaged';
  } catch {
    return 'damaged';
  }
}

/**
 * Brings a cursor that stands beyond the journal's end back to it. For the owner of the journal, before anything is
 * appended: afterwards such a cursor would point into, or past, records that its reader was never given.
 * @returns where it stood, or undefined when it is not beyond the end.
 */
export function bringCursorBack(path: string, journalId: number, end: number): number | undefined {
  const kept = loadCursor(path);
  if (kept === undefined || kept === 'damaged' || kept.journalId !== journalId || kept.position <= end)
    return undefined;
  saveCursor(path, { ...kept, position: end });
  return kept.position;
}

/** Replaces the cursor at `path`, durably: segments are deleted on the strength of it. */
export function saveCursor(path: string, state: CursorState): void {
  writeFileAtomically(path, JSON.stringify(state));
}
