"""Stacked linear layers, with their backward passes."""

from torch import Tensor

from trainer_pkg.fused.products import BIAS_SLOPES, INPUT_SLOPES, OUTPUTS, WEIGHT_SLOPES
from trainer_pkg.fused.room import Room, room_for


class Linear:
    """`nn.Linear`.

    Args:
        weight_nGF: The weights.
        bias_nG: The biases.
        weight_slope_nGF: Gradients of the weights.
        bias_slope_nG: Gradients of the biases.
    """

    def __init__(
        self, weight_nGF: Tensor, bias_nG: Tensor | None, weight_slope_nGF: Tensor, bias_slope_nG: Tensor | None
    ) -> None:
        self._weight_nGF, self._bias_nG = weight_nGF, bias_nG
        self._weight_slope_nGF, self._bias_slope_nG = weight_slope_nGF, bias_slope_nG
        self._inputs: Tensor | None = None
        self._outputs_room, self._slopes_room = Room(), Room()

    def forward(self, inputs_BnF: Tensor) -> Tensor:
        self._inputs = inputs_BnF
        return self.evaluate(inputs_BnF)

    def evaluate(self, inputs_BnF: Tensor) -> Tensor:
        num, num_out, _ = self._weight_nGF.shape
        outputs_BnG = room_for(inputs_BnF, num, num_out, self._outputs_room)
        OUTPUTS.write(outputs_BnG, inputs_BnF, self._weight_nGF, self._bias_nG)
        return outputs_BnG

    def let_go(self) -> None:
        self._inputs = None
        self._outputs_room.let_go()
        self._slopes_room.let_go()

    def backward(self, slopes_BnG: Tensor, wants_inputs: bool) -> Tensor | None:
        assert self._inputs is not None
        WEIGHT_SLOPES.write(self._weight_slope_nGF, slopes_BnG, self._inputs)
        if self._bias_slope_nG is not None:
            BIAS_SLOPES.write(self._bias_slope_nG, slopes_BnG)
        if not wants_inputs:
            return None
        num, _, num_in = self._weight_nGF.shape
        slopes_BnF = room_for(slopes_BnG, num, num_in, self._slopes_room)
        INPUT_SLOPES.write(slopes_BnF, slopes_BnG, self._weight_nGF)
        return slopes_BnF
