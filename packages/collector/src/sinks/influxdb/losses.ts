/**
 * The points of a delivery that will not be stored. Owns their count; promises that a point counts once, however many
 * lines stand for it (with the schema `both` two do), and that what is kept for the dead letters is bounded.
 */
import type { Loss } from '@metricstream/shared/pump/types.ts';
import { type Body, type BodyRecord, lineRecord, lineText } from './body.ts';
import { fieldsOf } from './line-fields.ts';

/** The reason under which points are counted that the server would no longer keep. */
export const RETENTION = 'retention';
/** Of one record; what comes after goes with the last. */
const REASONS_MAX = 8;
/** Of one loss, and of all of a delivery. A dead letter has the whole batch beside it. */
const TEXT_CHARS_MAX = 16 * 1024;
const TEXTS_CHARS_MAX = 4 * 1024 * 1024;

export interface LossBook {
  losePoint(record: BodyRecord, point: { series: number; sweep: number; why: string }): void;
  loseLine(body: Body, line: number, why: string): void;
  /** A line that is older than the server keeps. */
  ageLine(body: Body, line: number): void;
  /** Points of a record that were not even written, since they are older than the server keeps. */
  agePoints(index: number, points: number): void;
  /** Points lost for other reasons than age. */
  readonly refused: number;
  readonly aged: number;
  /** By record and reason. */
  losses(): Loss[];
}

interface RecordLosses {
  cells: Set<number>;
  reasons: Map<string, Loss>;
}

export function createLossBook(): LossBook {
  const records = new Map<number, RecordLosses>();
  let textChars = 0;
  let refused = 0;
  let aged = 0;

  function lossesOf(index: number): RecordLosses {
    let found = records.get(index);
    if (found === undefined) {
      found = { cells: new Set(), reasons: new Map() };
      records.set(index, found);
    }
    return found;
  }

  function reasonOf({ reasons }: RecordLosses, loss: Pick<Loss, 'index' | 'why' | 'dropped'>): Loss {
    const known = reasons.get(loss.why);
    if (known !== undefined) return known;
    if (loss.dropped === undefined && reasons.size >= REASONS_MAX) {
      const last = [...reasons.values()].findLast(({ dropped }) => dropped === undefined);
      if (last !== undefined) return last;
    }
    const made: Loss = { ...loss, points: 0 };
    reasons.set(loss.why, made);
    return made;
  }

  /** @returns the loss it went to, or undefined when the point was lost before. */
  function lose(record: BodyRecord, cell: { series: number; sweep: number }, why: string, dropped?: string) {
    const mine = lossesOf(record.index);
    const at = cell.series * record.timesUnixNano.length + cell.sweep;
    const loss = reasonOf(mine, { index: record.index, why, dropped });
    if (mine.cells.has(at)) return loss;
    mine.cells.add(at);
    loss.points++;
    if (dropped === undefined) refused++;
    else aged++;
    return loss;
  }

  function loseFields(body: Body, line: number, why: string, dropped?: string): Loss | undefined {
    const record = lineRecord(body, line);
    let loss: Loss | undefined;
    for (const field of fieldsOf(body, line))
      loss = lose(record, { series: record.plan.series[field]!, sweep: body.sweeps[line]! }, why, dropped);
    return loss;
  }

  return {
    losePoint: (record, { series, sweep, why }) => void lose(record, { series, sweep }, why),
    loseLine(body, line, why) {
      const loss = loseFields(body, line, why);
      if (loss === undefined || textChars > TEXTS_CHARS_MAX || (loss.text?.length ?? 0) > TEXT_CHARS_MAX) return;
      const text = lineText(body, line);
      loss.text = loss.text === undefined ? text : `${loss.text}\n${text}`;
      textChars += text.length + 1;
    },
    ageLine: (body, line) => void loseFields(body, line, RETENTION, RETENTION),
    agePoints(index, points) {
      if (points === 0) return;
      reasonOf(lossesOf(index), { index, why: RETENTION, dropped: RETENTION }).points += points;
      aged += points;
    },
    get refused() {
      return refused;
    },
    get aged() {
      return aged;
    },
    losses: () =>
      [...records.values()].flatMap(({ reasons }) => [...reasons.values()]).filter(({ points }) => points > 0),
  };
}
