import { noDeadExports, noDeadFiles } from './dead-rules.ts';
import {
  importTable,
  knownPlaces,
  libraryOwners,
  noCycles,
  noTestsInProduct,
  sharpOnlyInWorker,
} from './import-rules.ts';
import { type ImportGraph, readImports } from './imports.ts';
import { environmentOnlyInConfig, noAny, timeOnlyFromClock } from './purity-rules.ts';
import { fileLengths, functionLengths } from './size-rules.ts';
import { type Finding, Parser, type Rule, type SourceFile } from './source.ts';
import { noModuleState } from './state-rules.ts';
import {
  dependenciesToldOf,
  guidePathsExist,
  lockedPlatforms,
  noMachinePaths,
  noUnfinishedMarks,
  statementsToldOf,
  tellingNames,
} from './text-rules.ts';

/** The rules of the house, by the sentence that each keeps true. To add one: a function, a line here, a sample in the test. */
export function houseRules(parser = new Parser()) {
  const graphs = new WeakMap<readonly SourceFile[], ImportGraph>();
  const graphOf = (files: readonly SourceFile[]): ImportGraph => {
    const graph = graphs.get(files) ?? readImports(files, parser);
    graphs.set(files, graph);
    return graph;
  };
  const overGraph = (rule: (graph: ImportGraph) => Finding[]) => (files: readonly SourceFile[]) => rule(graphOf(files));
  const overTrees =
    (rule: (files: readonly SourceFile[], parser: Parser) => Finding[]) => (files: readonly SourceFile[]) =>
      rule(files, parser);
  return {
    'every source file has a room in the house': overGraph(knownPlaces),
    'imports follow the table': overGraph(importTable),
    'no file needs itself through others': overGraph(noCycles),
    'production imports no test code': overGraph(noTestsInProduct),
    'libraries stay with their owners': overGraph(libraryOwners),
    'only the render worker loads sharp': overGraph(sharpOnlyInWorker),
    'files have at most 400 lines': fileLengths,
    'functions have at most 70 lines': overTrees(functionLengths),
    'no `any`': overTrees(noAny),
    'only config.ts reads the environment': overTrees(environmentOnlyInConfig),
    'time and chance come from the clock': overTrees(timeOnlyFromClock),
    'no module holds state': overTrees(noModuleState),
    'no file is dead': (files) => noDeadFiles(files, graphOf(files)),
    'no export is dead': (files) => noDeadExports(files, graphOf(files), parser),
    'no file names a folder of one machine': noMachinePaths,
    'nothing is marked unfinished': noUnfinishedMarks,
    'names tell what lives there': tellingNames,
    'statements tell their strategy': overTrees(statementsToldOf),
    'the guide names files that exist': guidePathsExist,
    'the lock file carries every promised platform': lockedPlatforms,
    'every dependency is exact and explained': dependenciesToldOf,
  } as const satisfies Record<string, Rule>;
}

export type HouseRule = keyof ReturnType<typeof houseRules>;
