// Solves CP-SAT models for the host process. Arguments: the JavaScript file of the WebAssembly build, the WebAssembly file beside it.
//
//   stdin   u32 n, n bytes CpModelProto, u32 m, m bytes SatParameters      (little-endian, one request after the other)
//   stdout  u8 kind, u32 n, n bytes: kind 0 ready, 1 CpSolverResponse, 2 error text
//   stderr  what the solver prints
// It is handed to node by --eval, so it is no module: threads of the library would inherit --input-type and refuse to start.
"use strict";
const { writeSync } = require("node:fs");
const { pathToFileURL } = require("node:url");
const { setFlagsFromString } = require("node:v8");
const { Worker } = require("node:worker_threads");

// V8 compiles a function anew, with optimisation, when so many bytes of it have been executed. By default (1.8 MB) that is most of a solver that works for
// some seconds, and it costs more than it brings: with a thousand MB a model of 50 kernels on 4 devices saw 37,000 iterations of the simplex in 8 s, not
// 2,700 to 12,000. A V8 that does not know the flag says so and goes on.
setFlagsFromString("--wasm-tiering-budget=1000000000");

const [runtime, binary] = process.argv.slice(-2);

// The library prints where stdout would be, in the middle of a frame.
const print = line => process.stderr.write(line + "\n");
console.log = console.info = console.warn = print;

// A running solve hears nothing, so the end of the host is watched for from another thread.
const host = process.ppid;
new Worker(
  `setInterval(() => { if (process.ppid !== ${host}) process.kill(process.pid, "SIGKILL"); }, 500)`,
  { eval: true }).unref();

function send(kind, bytes) {
  const frame = Buffer.alloc(5 + bytes.length);
  frame.writeUInt8(kind, 0);
  frame.writeUInt32LE(bytes.length, 1);
  frame.set(bytes, 5);
  for (let at = 0; at < frame.length;) {
    try {
      at += writeSync(1, frame, at);
    } catch (e) {
      if (e.code !== "EAGAIN") throw e;
    }
  }
}

let solver;

function onHeap(bytes) {
  const at = solver._malloc(Math.max(bytes.length, 1));
  solver.HEAPU8.set(bytes, at);
  return at;
}

async function solve(model, parameters) {
  const length = solver._malloc(4), m = onHeap(model), p = onHeap(parameters);
  let answer = 0;
  try {
    answer = await solver.ccall("solve_model", "number", ["number", "number", "number", "number", "number"],
      [m, model.length, p, parameters.length, length], { async: true });
    // The heap may have grown, and its view with it: read through the solver.
    const n = new DataView(solver.HEAPU8.buffer, length, 4).getUint32(0, true);
    return answer ? Buffer.from(solver.HEAPU8.slice(answer, answer + n)) : Buffer.alloc(0);
  } finally {
    if (answer) solver._free_buffer(answer);
    for (const at of [length, m, p]) solver._free(at);
  }
}

async function main() {
  const { default: create } = await import(pathToFileURL(runtime).href);
  solver = await create({ locateFile: () => binary, print, printErr: print });
  send(0, Buffer.alloc(0));
  let held = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    held = Buffer.concat([held, chunk]);
    for (;;) {
      if (held.length < 4) break;
      const n = held.readUInt32LE(0);
      if (held.length < 8 + n) break;
      const m = held.readUInt32LE(4 + n);
      if (held.length < 8 + n + m) break;
      const model = held.subarray(4, 4 + n), parameters = held.subarray(8 + n, 8 + n + m);
      held = held.subarray(8 + n + m);
      try {
        send(1, await solve(model, parameters));
      } catch (e) {
        send(2, Buffer.from(String(e?.message ?? e)));
      }
    }
  }
  // The threads of the library keep a plain exit waiting for seconds.
  process.kill(process.pid, "SIGKILL");
}

main();
