namespace FunctionalDL.Core

/// Rules for `Layer.variablesBy`, in place of PyTorch's usual first values.
[<RequireQualifiedAccess>]
module FirstValues =

    /// The variables of one layer with another weight, and a bias of 0 where it has one.
    let internal withWeight (weight: DType -> int list -> Key -> Tensor) (start: Start) layer : Variables =
        let usual = Layer.variables start layer

        let redrawn =
            Tree.leaves usual.Parameters
            |> List.map (fun (name, value) ->
                let shape = List.ofArray (value.Shape.ToArray())

                name,
                match name with
                | "weight" -> weight start.DType shape (Part.keyOf name start)
                | _ -> Part.zeros start shape)

        {
            usual with
                Parameters = Tree.ofLeaves redrawn
        }

    /// Weights of convolutions and linear layers normal with standard deviation `√(2 / fanIn)`, their biases 0, all
    /// else as usual: fastai's `apply_init(model, kaiming_normal_)`. K. He, X. Zhang, S. Ren, J. Sun, "Delving deep
    /// into rectifiers", ICCV 2015, section 2.2.
    let kaiming (_: string) (start: Start) (layer: Layer) : Variables =
        match layer with
        | Conv _
        | Linear _ -> withWeight (fun dtype -> Init.kaimingNormal dtype 0.0) start layer
        | _ -> Layer.variables start layer
