/** The arithmetic of the verdict: what adds up, what does not, and where. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgentFigures, CollectorFigures } from '../../install/local/figures.ts';
import { agentCarried, collectorCarried, judge } from '../../install/local/verdict.ts';

const agent = (figures: Partial<AgentFigures>): AgentFigures => ({
  sampled: 0,
  sent: 0,
  acked: 0,
  dropped: {},
  inSpool: 0,
  batchesAcked: 0,
  batchesRefused: 0,
  ackP50Ms: undefined,
  ackP99Ms: undefined,
  trouble: undefined,
  ...figures,
});
const collector = (figures: Partial<CollectorFigures>): CollectorFigures => ({
  durable: 0,
  duplicateBatches: 0,
  stored: 0,
  dropped: {},
  lag: 0,
  starting: false,
  ...figures,
});
const nothing = { agent: 0, collector: 0 };

describe('a run that adds up', () => {
  const balanced = (carried: typeof nothing, a: Partial<AgentFigures>, c: Partial<CollectorFigures>) => {
    const verdict = judge(carried, agent(a), collector(c));
    expect(verdict.balanced, verdict.text).toBe(true);
    return verdict.text;
  };

  it('is worded as the README shows it', () => {
    expect(balanced(nothing, { sampled: 120, acked: 120 }, { durable: 120, stored: 120 })).toBe(
      'sampled 120 = stored 120 + dropped 0 + in flight 0',
    );
  });

  it('counts what is in the spool and what the sink has not passed as in flight', () => {
    expect(balanced(nothing, { sampled: 100, acked: 70, inSpool: 30 }, { durable: 70, stored: 50, lag: 20 })).toBe(
      'sampled 100 = stored 50 + dropped 0 + in flight 50',
    );
  });

  it('names the reasons of what was dropped on either side', () => {
    const text = balanced(
      nothing,
      { sampled: 100, acked: 90, dropped: { spool_full: 10 } },
      { durable: 90, stored: 85, dropped: { dead_letter: 5 } },
    );
    expect(text).toBe('sampled 100 = stored 85 + dropped 15 (spool_full 10, dead_letter 5) + in flight 0');
  });

  it('takes in what an earlier run left in the spool and in the journal', () => {
    expect(balanced({ agent: 40, collector: 20 }, { sampled: 10, acked: 50 }, { durable: 50, stored: 70 })).toBe(
      'sampled 10 + carried over 60 = stored 70 + dropped 0 + in flight 0',
    );
  });

  it('knows points carried over whose yes was lost: they are durable already and come as duplicates', () => {
    expect(
      balanced(
        { agent: 40, collector: 0 },
        { sampled: 10, acked: 50 },
        { durable: 10, duplicateBatches: 4, stored: 10 },
      ),
    ).toBe('sampled 10 + carried over 40 = stored 10 + dropped 0 + in flight 0 + already known 40');
  });

  it('counts points once that are durable while the agent has not seen the yes', () => {
    expect(balanced(nothing, { sampled: 60, acked: 50, inSpool: 10 }, { durable: 60, stored: 60 })).toBe(
      'sampled 60 = stored 60 + dropped 0 + in flight 0',
    );
  });
});

describe('a run that does not add up', () => {
  const checkFault = (a: Partial<AgentFigures>, c: Partial<CollectorFigures>, named: string) => {
    const verdict = judge(nothing, agent(a), collector(c));
    expect(verdict.balanced).toBe(false);
    expect(verdict.text).toContain('≠');
    expect(verdict.text).toContain(named);
  };

  it('names the agent when points vanish in it', () => {
    checkFault({ sampled: 100, acked: 90 }, { durable: 90, stored: 90 }, '10 points missing in the agent');
  });

  it('names the way between when acked points are not durable', () => {
    checkFault(
      { sampled: 100, acked: 100 },
      { durable: 90, stored: 90 },
      '10 points missing between agent and collector',
    );
  });

  it('names the collector when durable points are not stored', () => {
    checkFault({ sampled: 100, acked: 100 }, { durable: 100, stored: 90 }, '10 points missing in the collector');
  });

  it('is not excused by duplicates when nothing was carried over, nor by carried points that came once', () => {
    checkFault(
      { sampled: 100, acked: 100 },
      { durable: 90, duplicateBatches: 1, stored: 90 },
      '10 points missing between',
    );
    const carried = judge({ agent: 10, collector: 0 }, agent({ acked: 10 }), collector({}));
    expect(carried.text).toContain('10 points missing between');
  });

  it('does not let a loss on one side cancel a double on the other', () => {
    checkFault({ sampled: 100, acked: 90 }, { durable: 90, stored: 100 }, '10 points too many in the collector');
  });

  it('calls points that this agent never sent too many', () => {
    checkFault({ sampled: 100, acked: 100 }, { durable: 160, stored: 160 }, '60 points too many between');
  });
});

describe('any honest run', () => {
  /** What one run may honestly come to, made from the moves of its points. */
  const runs = fc
    .record({
      fresh: fc.nat(1000),
      spoolBefore: fc.nat(500),
      lagBefore: fc.nat(500),
      fractions: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 5, maxLength: 5 }),
    })
    .map(({ fresh, spoolBefore, lagBefore, fractions: [drop = 0, send = 0, known = 0, unseen = 0, store = 0] }) => {
      const held = fresh + spoolBefore;
      const dropped = Math.floor(held * drop);
      const acked = Math.floor((held - dropped) * send);
      const inSpool = held - dropped - acked;
      const duplicate = Math.floor(Math.min(spoolBefore, acked) * known);
      const late = duplicate > 0 ? 0 : Math.floor(inSpool * unseen);
      const durable = acked - duplicate + late;
      const stored = Math.floor((durable + lagBefore) * store);
      return {
        carried: { agent: spoolBefore, collector: lagBefore },
        agent: agent({ sampled: fresh, acked, inSpool, dropped: dropped > 0 ? { spool_full: dropped } : {} }),
        collector: collector({
          durable,
          duplicateBatches: duplicate > 0 ? 1 : 0,
          stored,
          lag: durable + lagBefore - stored,
        }),
      };
    });

  it('adds up, and both sides of its equation have the same sum', () => {
    fc.assert(
      fc.property(runs, (run) => {
        const verdict = judge(run.carried, run.agent, run.collector);
        expect(verdict.balanced, verdict.text).toBe(true);
        const [left = '', right = ''] = verdict.text.replaceAll(/\(.*?\)/g, '').split(' = ');
        const sum = (side: string) => [...side.matchAll(/\d+/g)].reduce((total, [number]) => total + Number(number), 0);
        expect(sum(right), verdict.text).toBe(sum(left));
      }),
      { seed: 20_261_123, numRuns: 500 },
    );
  });

  it('stops adding up when the sink loses one point', () => {
    fc.assert(
      fc.property(
        runs.filter((run) => run.collector.stored > 0),
        (run) => {
          const short = { ...run.collector, stored: run.collector.stored - 1 };
          expect(judge(run.carried, run.agent, short).balanced).toBe(false);
        },
      ),
      { seed: 20_261_123, numRuns: 500 },
    );
  });

  it('gives its carried points at any moment, from the figures alone', () => {
    fc.assert(
      fc.property(runs, (run) => {
        expect(agentCarried(run.agent)).toBe(run.carried.agent);
        expect(collectorCarried(run.collector)).toBe(run.carried.collector);
      }),
      { seed: 20_261_123, numRuns: 500 },
    );
  });
});
