namespace FunctionalDL.Core

/// Which values hyper-parameters may have, by name: the same for options, groups, schedules and changes between
/// steps.
[<RequireQualifiedAccess>]
module internal Hyper =

    let private ruleOf name : (float -> bool) * string =
        match name with
        | "beta1"
        | "beta2" -> (fun x -> x >= 0.0 && x < 1.0), "it is in [0, 1)"
        | "alpha"
        | "rho"
        | "ema_decay"
        | "lookahead_alpha" -> (fun x -> x >= 0.0 && x <= 1.0), "it is in [0, 1]"
        // A share that is kept out, which PyTorch does not bound.
        | "dampening" -> (fun x -> not (System.Double.IsNaN x)), "it is a number"
        | "clip_value"
        | "max_norm" -> (fun x -> x > 0.0), "it is above 0"
        // All others, and those that users add, are rates, shares and small numbers.
        | _ -> (fun x -> x >= 0.0), "it is 0 or more"

    /// Raises OptionException for a value that a hyper-parameter of this name cannot have.
    let check name (value: float) =
        let holds, rule = ruleOf name

        if not (holds value) then
            Fail.option $"{name}: {value} is not possible; {rule}"
