// Zachary's karate club: who met whom outside the club, and which of its two successors each member joined.
// W. W. Zachary, An information flow model for conflict and fission in small groups, 1977.
import { eye, type Tensor, tensor } from "wasmgrad";

/** For each member from 0, the friends with higher numbers. */
const FRIENDS: readonly (readonly number[])[] = [
  [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31],
  [2, 3, 7, 13, 17, 19, 21, 30],
  [3, 7, 8, 9, 13, 27, 28, 32],
  [7, 12, 13],
  [6, 10],
  [6, 10, 16],
  [16],
  [],
  [30, 32, 33],
  [33],
  [],
  [],
  [],
  [33],
  [32, 33],
  [32, 33],
  [],
  [],
  [32, 33],
  [33],
  [32, 33],
  [],
  [32, 33],
  [25, 27, 29, 32, 33],
  [25, 27, 31],
  [31],
  [29, 33],
  [33],
  [31, 33],
  [32, 33],
  [32, 33],
  [32, 33],
  [33],
  [],
];

/** The members who stayed with the instructor, member 0. The others followed the officer, member 33. */
const WITH_INSTRUCTOR = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 16, 17, 19, 21];

export interface KarateClub {
  /** One-hot, [34, 34]. */
  features: Tensor;
  /** Symmetric, with ones on the diagonal: [34, 34]. */
  adjacency: Tensor;
  /** 0 or 1, int32 [34]. */
  labels: Tensor;
}

export function karateClub(): KarateClub {
  const members = FRIENDS.length;
  const adjacency = eye(members);
  FRIENDS.forEach((friends, i) => {
    for (const j of friends) adjacency.setAt([i, j], 1).setAt([j, i], 1);
  });
  const labels = Int32Array.from(FRIENDS, (_, i) => (WITH_INSTRUCTOR.includes(i) ? 0 : 1));
  return { features: eye(members), adjacency, labels: tensor(labels) };
}
