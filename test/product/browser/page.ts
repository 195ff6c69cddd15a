/** The program of the test's page: it runs the built package, as a bundler resolves it for browsers. */
import { setPrecision } from "wasmgrad";
import * as data from "wasmgrad/data";
import * as io from "wasmgrad/io";
import * as plot from "wasmgrad/plot";
import * as ssl from "wasmgrad/self-supervised";
import * as train from "wasmgrad/train";
import * as vision from "wasmgrad/vision";
import { inpaintingWeights } from "../../support/programs/inpainting_weights.ts";

Object.assign(globalThis, { data, inpaintingWeights, io, plot, setPrecision, ssl, train, vision });
