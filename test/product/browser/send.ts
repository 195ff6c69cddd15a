/** Sends a program's answer: to the server of its page, or to standard output in Node. */
export async function send(answer: unknown): Promise<void> {
  const { process } = globalThis as { process?: { stdout: { write(text: string): void } } };
  if (process) process.stdout.write(JSON.stringify(answer));
  else await fetch("/answer", { method: "POST", body: JSON.stringify(answer) });
}
