/** What the test's page runs: the built package, as a bundler finds it for browsers. */
import { setPrecision } from "wasmgrad";
import * as io from "wasmgrad/io";
import * as ssl from "wasmgrad/self-supervised";
import * as train from "wasmgrad/train";
import * as vision from "wasmgrad/vision";
import { inpaintingWeights } from "../../support/programs/inpainting_weights.ts";

Object.assign(globalThis, { inpaintingWeights, io, setPrecision, ssl, train, vision });
