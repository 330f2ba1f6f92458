/** What the dashboards over InfluxDB have in common: questions as a panel's targets, what is looked at, what they are called. */
import type { Target } from './panels.ts';
import type { Language, Question } from './questions.ts';

/** Percent from which on something is full. */
export const FULL = [80, 90] as const;
export const IDLE = { metric: 'cpu.usage_idle', tags: { cpu: 'cpu-total' }, as: 'rest' } as const;

/** A question in the dashboard's language. */
export type Ask = (question: Question, legend?: string) => Target;

export function asker(language: Language, format: 'time_series' | 'table' = 'time_series'): Ask {
  return (question, legend) => ({
    fields:
      language === 'influxql'
        ? { query: question.influxql, rawQuery: true, resultFormat: format }
        : { query: question.flux },
    legend,
  });
}

/** What series are called by a tag of theirs. */
export const tagOf = (tag: string): string => `\${__field.labels.${tag}}`;

export const uidOf = (name: string, language: Language): string => `metricstream-${name}-${language}`;
