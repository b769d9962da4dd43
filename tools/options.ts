/** Options of the project's commands: `--help` tells them, and what is wrong with them is said in words. */
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";

type Values<T extends ParseArgsOptionsConfig> = ReturnType<typeof parseArgs<{ options: T }>>["values"];

/** The options that were given. Ends the command where its help is asked for, or with an option that it has not. */
export function optionsOf<T extends ParseArgsOptionsConfig>(help: string, options: T): Values<T> {
  if (process.argv.includes("--help")) {
    console.log(help);
    process.exit(0);
  }
  try {
    return parseArgs({ options, args: argumentsOf(process.argv.slice(2)) }).values;
  } catch (error) {
    return refuse(`${(error as Error).message}\n\n${help}`);
  }
}

/** Numbers below 0 are values of the option before them; by itself Node takes them for options. */
function argumentsOf(words: string[]): string[] {
  const found: string[] = [];
  for (const word of words) {
    const before = found.at(-1);
    const isValue = /^-[\d.]/.test(word) && before !== undefined && /^--[^=]+$/.test(before);
    if (isValue) found[found.length - 1] = `${before}=${word}`;
    else found.push(word);
  }
  return found;
}

/** A number that an option gives as text. Ends the command where it is none, or out of bounds. */
export function numberOf(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= least && value <= most) return value;
  return refuse(`--${name} is "${text}"; it must be a number from ${least} to ${most}.`);
}

/** Ends a command that was called wrongly. */
export function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}
