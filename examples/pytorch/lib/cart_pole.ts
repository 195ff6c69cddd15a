/** A position of the cart, and the angle of the pole, with their velocities. */
export type CartState = readonly [x: number, velocity: number, angle: number, angularVelocity: number];

/**
 * A pole stands on a cart, which a force pushes to the left or to the right at each step. The episode ends
 * when the pole has fallen, the cart has left the track, or after 500 steps. Each step gives a reward of 1.
 * The numbers are those of CartPole-v1 in Gymnasium.
 * see: Barto, Sutton & Anderson, Neuronlike adaptive elements that can solve difficult learning control
 * problems, 1983
 */
export class CartPole {
  static readonly MAX_STEPS = 500;
  #state: CartState = [0, 0, 0, 0];
  #steps = 0;
  readonly #random: () => number;

  /** @param random numbers in [0, 1), for the initial states */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Begins an episode. All numbers of its state are in ±0.05. */
  reset(): CartState {
    const draw = () => 0.1 * this.#random() - 0.05;
    this.#state = [draw(), draw(), draw(), draw()];
    this.#steps = 0;
    return this.#state;
  }

  /** @param action 0: to the left, 1: to the right */
  step(action: number): { state: CartState; reward: number; done: boolean } {
    const [gravity, cartMass, poleMass, halfLength, seconds] = [9.8, 1, 0.1, 0.5, 0.02];
    const [x, velocity, angle, angularVelocity] = this.#state;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const total = cartMass + poleMass;
    const force = action === 1 ? 10 : -10;
    const push = (force + poleMass * halfLength * angularVelocity * angularVelocity * sin) / total;
    const turning = (gravity * sin - cos * push) / (halfLength * (4 / 3 - (poleMass * cos * cos) / total));
    const acceleration = push - (poleMass * halfLength * turning * cos) / total;
    this.#state = [
      x + seconds * velocity,
      velocity + seconds * acceleration,
      angle + seconds * angularVelocity,
      angularVelocity + seconds * turning,
    ];
    this.#steps++;
    const fallen = Math.abs(this.#state[0]) > 2.4 || Math.abs(this.#state[2]) > (12 * Math.PI) / 180;
    return { state: this.#state, reward: 1, done: fallen || this.#steps >= CartPole.MAX_STEPS };
  }
}
