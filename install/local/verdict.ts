/**
 * The product's promise as arithmetic: sampled + carried over = stored + dropped + in flight. Pure; decides whether the
 * figures of a run add up, and says where they do not. Each half is judged by itself, so that a point lost in the agent
 * cannot hide behind one stored twice in the collector.
 */
import type { AgentFigures, CollectorFigures } from './figures.ts';

/** Points that were there before this run sampled anything. */
export interface Carried {
  /** In the agent's spool. */
  agent: number;
  /** In the collector's journal, not yet stored. */
  collector: number;
}

export interface Verdict {
  balanced: boolean;
  /** "sampled N = stored N + dropped 0 + in flight 0", or the same with ≠ and the difference named. */
  text: string;
}

const sum = (counts: Record<string, number>) => Object.values(counts).reduce((total, count) => total + count, 0);

/** What an agent found in its spool: all that has left it or is in it, less what it sampled itself. Any moment will do. */
export function agentCarried(agent: AgentFigures): number {
  return agent.acked + sum(agent.dropped) + agent.inSpool - agent.sampled;
}

/** What a collector found in its journal for the sink, by the same argument; of figures since the first reading. */
export function collectorCarried(collector: CollectorFigures): number {
  return collector.stored + sum(collector.dropped) + collector.lag - collector.durable;
}

/**
 * Judges a run by the final figures of both programs. Between the two halves, acked and durable may differ honestly in
 * two ways. Points carried over may be durable already (their yes was lost in the run before): "already known", at most
 * as many as were carried, and only if batches came as duplicates. Points may be durable whose yes the agent has not seen: they are
 * still in its spool too, and are counted once.
 */
export function judge(carried: Carried, agent: AgentFigures, collector: CollectorFigures): Verdict {
  const inAgent = agentCarried(agent) - carried.agent;
  const inCollector = collectorCarried(collector) - carried.collector;
  const between = agent.acked - collector.durable;
  const known = collector.duplicateBatches > 0 ? Math.min(Math.max(between, 0), carried.agent) : 0;
  const unseen = Math.min(Math.max(-between, 0), agent.inSpool);
  const faults = [
    fault(inAgent, 'in the agent'),
    fault(known - unseen - between, 'between agent and collector'),
    fault(inCollector, 'in the collector'),
  ].filter((text) => text !== undefined);

  const before = carried.agent + carried.collector;
  const dropped = { ...agent.dropped };
  for (const [reason, points] of Object.entries(collector.dropped)) dropped[reason] = (dropped[reason] ?? 0) + points;
  const left = `sampled ${agent.sampled}${before > 0 ? ` + carried over ${before}` : ''}`;
  const right = [
    `stored ${collector.stored}`,
    `dropped ${sum(dropped)}${wordReasons(dropped)}`,
    `in flight ${agent.inSpool + collector.lag - unseen}`,
    ...(known > 0 ? [`already known ${known}`] : []),
  ].join(' + ');
  const balanced = faults.length === 0;
  return { balanced, text: balanced ? `${left} = ${right}` : `${left} ≠ ${right}: ${faults.join(', ')}` };
}

/** A negative difference means points that are gone, a positive one points that came from nowhere. */
function fault(points: number, where: string): string | undefined {
  if (points === 0) return undefined;
  return `${Math.abs(points)} points ${points < 0 ? 'missing' : 'too many'} ${where}`;
}

function wordReasons(dropped: Record<string, number>): string {
  const reasons = Object.entries(dropped).filter(([, points]) => points > 0);
  return reasons.length === 0 ? '' : ` (${reasons.map(([reason, points]) => `${reason} ${points}`).join(', ')})`;
}
