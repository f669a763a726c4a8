namespace FunctionalDL.Core

/// Where a network looks: maps `[height; width]` of what a layer gives for one picture, its activations `[channels; height;
/// width]`, and of the gradient of a class's score with respect to them. R. R. Selvaraju and others, "Grad-CAM: visual explanations
/// from deep networks via gradient-based localization", ICCV 2017.
[<RequireQualifiedAccess>]
module HeatMap =

    let private requireFaces operation (activations: Tensor) =
        if activations.Rank <> 3 || activations.Shape.Size = 0 then
            Fail.shape
                $"{operation}: {activations.Shape} are no activations of one picture; they are [channels; height; width]"

    /// The activations weighted by the mean gradient of their channel.
    let private weighted operation (gradients: Tensor) (activations: Tensor) =
        requireFaces operation activations

        if not (gradients.Shape.Equals activations.Shape) then
            Fail.shape
                $"{operation}: the gradients are {gradients.Shape} and the activations {activations.Shape}; they need equal shapes"

        activations
        * Tensor.reshape [ activations.Shape[0]; 1; 1 ] (Tensor.meanAxes [ 1; 2 ] gradients)

    /// The mean over the channels. (The mean over the places gives features in place of a map.)
    let ofActivations (activations: Tensor) : Tensor =
        requireFaces "heat map" activations
        Tensor.meanAxes [ 0 ] activations

    /// Grad-CAM as the course has it: the mean over the channels, weighted by how much the score grows with each.
    let gradCam (gradients: Tensor) (activations: Tensor) : Tensor =
        weighted "Grad-CAM" gradients activations |> Tensor.meanAxes [ 0 ]

    /// Grad-CAM as the paper has it, equation 2: the sum over the channels, and 0 where it speaks against the class.
    let gradCamPositive (gradients: Tensor) (activations: Tensor) : Tensor =
        weighted "Grad-CAM" gradients activations |> Tensor.sumAxes [ 0 ] |> Tensor.relu

    /// The map at the size of a picture, bilinear between the centres of its cells.
    let resize (height: int) (width: int) (map: Tensor) : Tensor =
        if map.Rank <> 2 then
            Fail.shape $"heat map: {map.Shape} is no map; it is [height; width]"

        Tensor.reshape [ 1; 1; map.Shape[0]; map.Shape[1] ] map
        |> Interpolation.interpolate
            {
                Interpolation.defaults with
                    Mode = InterpolationMode.Linear
            }
            (InterpolationSize.Sizes [ height; width ])
        |> Tensor.reshape [ height; width ]
