/** What `backfill` prints: the plan beforehand, a line while it runs, the account at the end; and that as JSON. Pure. */
import { formatCount, formatDuration } from '@metricstream/shared/units.ts';
import type { BackfillPlan, BackfillProgress, BackfillReport } from './backfill.ts';
import { type Account, openIn } from './progress-file.ts';
import { percentText } from './progress-line.ts';
import { counted, labelled } from './text.ts';
import { minuteText } from './times.ts';
import { keepText, problemsText } from './verify-text.ts';

export interface BackfillContext {
  from: string;
  where: string;
  schema: string;
  onlyMissing: boolean;
  dryRun: boolean;
}

export function planText(
  { index, retentionMs, toRead, tooOld, resumedAt }: BackfillPlan,
  context: BackfillContext,
): string {
  const what = context.onlyMissing ? 'what InfluxDB lacks' : 'everything';
  const old = tooOld === 0 ? 'none is' : counted(tooOld, 'line is', 'lines are');
  return labelled([
    ['files', `${context.from}: ${counted(index.files, 'file')}, ${counted(toRead, 'line')} to read`],
    [
      'influxdb',
      `${context.where}, schema ${context.schema}, keeps ${keepText(retentionMs)}: ${old} too old to be stored`,
    ],
    ['write', `${what}${context.dryRun ? ', but this is a dry run: nothing is written' : ''}`],
    ...(resumedAt === undefined ? [] : [['resumed', `all before ${minuteText(resumedAt)} is done`] as const]),
  ]);
}

/** What a progress line is reckoned from: where this run began, and when. */
export interface BackfillPace {
  /** Lines that this run has to read, and had settled before it began. */
  toRead: number;
  readBefore: number;
  elapsedMs: number;
}

export function progressText({ account, doneUntil, pump }: BackfillProgress, pace: BackfillPace): string {
  const settled = Math.max(0, account.read - openIn(account) - pace.readBefore);
  const perSecond = pace.elapsedMs > 0 ? (settled * 1000) / pace.elapsedMs : 0;
  const leftMs = perSecond > 0 ? ((pace.toRead - settled) / perSecond) * 1000 : Number.NaN;
  const left = Number.isNaN(leftMs) ? '' : `, ${formatDuration(Math.max(0, Math.ceil(leftMs / 1000)) * 1000)} left`;
  const trouble = pump.why === '' ? '' : `; ${pump.state}: ${pump.why}`;
  return (
    `${minuteText(doneUntil)}  ${formatCount(settled)} of ${counted(pace.toRead, 'line')} ` +
    `(${percentText(settled, pace.toRead)}), ${formatCount(account.written)} written, ` +
    `${formatCount(perSecond)} lines/s${left}${trouble}`
  );
}

const ACCOUNT_WORDS: readonly (readonly [key: Exclude<keyof Account, 'read'>, word: string])[] = [
  ['written', 'written'],
  ['alreadyThere', 'already there'],
  ['repeated', 'repeated'],
  ['tooOld', 'too old'],
  ['rejected', 'rejected'],
  ['typeUnknown', 'of unknown type'],
  ['unreadable', 'unreadable'],
];

/** `read 12 = written 3 + already there 9 + …`; the rarer ones only where there are some. */
export function accountText(account: Account, dryRun: boolean): string {
  const always = ['written', 'alreadyThere', 'tooOld', 'unreadable'];
  const parts = ACCOUNT_WORDS.filter(([key]) => account[key] > 0 || always.includes(key)).map(
    ([key, word]) => `${dryRun && key === 'written' ? 'to be written' : word} ${formatCount(account[key])}`,
  );
  const open = openIn(account);
  if (open !== 0) parts.push(`not done yet ${formatCount(open)}`);
  return `read ${formatCount(account.read)} = ${parts.join(' + ')}`;
}

export function reportText(
  report: BackfillReport,
  { dryRun, deadLetterDir }: { dryRun: boolean; deadLetterDir: string },
): string {
  const { account, problems, finished } = report;
  const hints: string[] = [];
  if (account.rejected > 0)
    hints.push(`rejected: InfluxDB does not take them; they and its words are in ${deadLetterDir}`);
  if (account.typeUnknown > 0)
    hints.push(
      'of unknown type: InfluxDB has not seen these fields, and JSONL does not say whether they are whole numbers; ' +
        'let the collector write to InfluxDB first (sinks.influxdb), then run this again',
    );
  if (!finished) hints.push('stopped: run the same command to go on');
  return [problemsText(problems), ...hints.map((hint) => `${hint}\n`), `${accountText(account, dryRun)}\n`].join('');
}

export function reportJson({ plan, account, problems, finished }: BackfillReport, context: BackfillContext): string {
  const { index, retentionMs = null, resumedAt } = plan;
  return `${JSON.stringify(
    {
      finished,
      ...context,
      files: index.files,
      filesBefore: index.filesBefore,
      retentionMs,
      resumedAt: resumedAt === undefined ? null : minuteText(resumedAt),
      account,
      notDoneYet: openIn(account),
      unreadable: problems,
    },
    undefined,
    2,
  )}\n`;
}
