namespace FunctionalDL.Core

/// What a `Prim.Custom` knows of its own derivative. Derivative rules are functions from nodes to nodes, like
/// the built-in ones; `None` is a tangent or cotangent that is zero everywhere.
[<AbstractClass>]
type internal NodeRule(name: string) =
    inherit CustomRule(name)

    /// Whether `Forward` may be called.
    abstract HasForward: bool

    /// Whether `Reverse` may be called. Reverse mode prefers it to transposing `Forward`.
    abstract HasReverse: bool

    /// How result number `output` moves when the inputs move along the tangents.
    abstract Forward: inputs: Node[] * tangents: Node option[] * output: int -> Node option

    /// The cotangents of the inputs for those of the results.
    abstract Reverse: inputs: Node[] * cotangents: Node option[] -> Node option[]

    /// The number of results.
    abstract Outputs: int

    /// The rule of the same function mapped over `size` examples, which lie along a new first axis of the
    /// inputs that `mapped` names.
    abstract Batch: size: int * mapped: bool[] -> NodeRule

/// Reading the rule of a primitive.
[<RequireQualifiedAccess>]
module internal NodeRule =

    let of' (rule: CustomRule) = rule :?> NodeRule

    let noForward (rule: NodeRule) =
        Fail.derivative (
            $"{rule.Name}: it has a reverse rule only, so there is no forward mode through it (jvp, hvp, hessian, "
            + "or jacobian where the results outnumber the inputs); use grad or vjp, or give it a forward rule with Custom.withDerivative"
        )
