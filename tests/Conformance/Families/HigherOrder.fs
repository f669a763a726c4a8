/// Jacobians, Hessians, their products with vectors, and a third derivative, of functions that the cases
/// name.
module FunctionalDL.Conformance.Families.HigherOrder

open FunctionalDL.Core
open FunctionalDL.Conformance

/// 100 (x[i+1] - x[i]²)² + (1 - x[i])², summed.
let private rosenbrock (x: Tensor) =
    let n = x.Shape[0]
    let here, next = Tensor.narrow 0 0 (n - 1) x, Tensor.narrow 0 1 (n - 1) x
    Tensor.sum (100.0 * Tensor.square (next - Tensor.square here) + Tensor.square (1.0 - here))

/// Each element times the one before it, the first times the last, plus the sigmoid.
let private xTimesRoll (x: Tensor) =
    let n = x.Shape[0]

    let rolled =
        Tensor.cat 0 [ Tensor.narrow 0 (n - 1) 1 x; Tensor.narrow 0 0 (n - 1) x ]

    x * rolled + Tensor.sigmoid x

let private scalarFunction name : Tensor -> Tensor =
    match name with
    | "rosenbrock" -> rosenbrock
    | "logsumexp" -> Tensor.logSumExp 0
    | "sum_exp_sin" -> fun x -> Tensor.sum (x * Tensor.exp (Tensor.sin x))
    | "quadratic_tanh" -> fun x -> Tensor.square (Tensor.sum x * Tensor.sum (Tensor.tanh x))
    | other -> raise (NotSupported $"function '{other}'")

let private vectorFunction name : Tensor -> Tensor =
    match name with
    | "softmax" -> Tensor.softmax 0
    | "x_times_roll" -> xTimesRoll
    | other -> raise (NotSupported $"function '{other}'")

/// The Jacobian `[outputs; inputs]` of a function of a vector, column by column: how the outputs move
/// along each axis.
let private jacobian (f: Tensor -> Tensor) (x: Tensor) =
    let n = x.Shape[0]

    let axis (i: int) =
        Tensor.oneHot n (Tensor.ofInt64s [] [| int64 i |]) |> Tensor.cast x.DType

    [ for i in 0 .. n - 1 -> snd (jvp f x (axis i)) ] |> Tensor.stack 1

let private scalarValued f (x: Tensor) (v: Tensor) = [
    f x
    grad f x
    jacobian (grad f) x
    v
    snd (jvp (grad f) x v)
]

let private vectorValued f (x: Tensor) (v: Tensor) (u: Tensor) =
    let value, pullback = vjp f x
    [ value; jacobian f x; v; snd (jvp f x v); u; pullback u ]

let private derivatives (x: Tensor) =
    let f (x: Tensor) = Tensor.sin x * x * x * x
    // Element by element, the gradient of the sum is the derivative.
    let derivative (f: Tensor -> Tensor) = grad (f >> Tensor.sum)
    let first = derivative f
    let second = derivative first
    [ f x; first x; second x; derivative second x ]

let table = [
    Operation.row "higher_order" [ "function"; "vector_valued"; "outputs" ] (fun request ->
        let x = Operation.one request
        let name = Attribute.text "function" request.Attributes

        match Attribute.text "outputs" request.Attributes, request.Expected with
        | "value,gradient,hessian,v,hessian_times_v", [ _; _; _; v; _ ] ->
            scalarValued (scalarFunction name) x v
        | "value,jacobian,v,jacobian_times_v,u,u_times_jacobian", [ _; _; v; _; u; _ ] ->
            vectorValued (vectorFunction name) x v u
        | "f,f',f'',f'''", _ when name = "sin(x)*x^3 elementwise" -> derivatives x
        | outputs, _ -> raise (NotSupported $"outputs '{outputs}' of '{name}'"))
]
