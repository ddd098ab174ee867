import type { Command } from 'commander';
import { createProgram } from '../../packages/service/src/cli/index.ts';
import { code, page, table } from './markdown.ts';

/** Every command, as its own help tells it. */
export function renderCli(): string {
  const program = createProgram();
  return page(
    'Command line',
    'packages/service/src/cli',
    program.description(),
    table(
      ['exit code', 'meaning'],
      [
        ['0', 'done'],
        ['1', 'failed'],
        ['2', 'the command line or the configuration is wrong'],
        ['3', 'another Safelight has the data folder'],
      ],
    ),
    ...commandsOf(program, program.name()).map(({ name, command }) => renderCommand(name, command)),
  );
}

function commandsOf(parent: Command, prefix: string): { name: string; command: Command }[] {
  return parent.commands.flatMap((command) => {
    const name = `${prefix} ${command.name()}`;
    return command.commands.length > 0 ? commandsOf(command, name) : [{ name, command }];
  });
}

function renderCommand(name: string, command: Command): string {
  const help = command.createHelp();
  const rows = [
    ...help
      .visibleArguments(command)
      .map((argument) => [code(help.argumentTerm(argument)), help.argumentDescription(argument)]),
    ...help.visibleOptions(command).map((option) => [code(help.optionTerm(option)), help.optionDescription(option)]),
  ];
  return [`## ${name}`, command.description(), table(['', 'meaning'], rows)].join('\n\n');
}
